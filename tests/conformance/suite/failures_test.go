package conformance

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// failure makes a reason of Failed come true for the ModelBooster "demo", and false again. After the cure and, where there is one, the way
// back the ModelBooster is as it was.
type failure struct {
	needsOurs   bool
	cause, cure func(f *failing)
	back        func(f *failing)
}

type failing struct {
	t       *testing.T
	r       *rig.Rig
	base    rig.Object
	foreign *unstructured.Unstructured
	rules   rig.Rules
}

func (f *failing) edit(change func(spec rig.Object)) { f.r.EditSpec("demo", change) }

// restore edits the ModelBooster back to what it was.
func (f *failing) restore() {
	f.r.Edit(rig.Boosters, "demo", func(o *unstructured.Unstructured) {
		o.Object["spec"] = (&unstructured.Unstructured{Object: f.base}).DeepCopy().Object
	})
}

func weigh(weight int64) func(spec rig.Object) {
	return func(spec rig.Object) { rig.Weight(weight)(rig.BackendOf(spec, "a")) }
}

// failures has each reason that can be had from one API server with one ModelBooster. Unreachable takes its time: TestUnreachableForAMinute.
var failures = map[string]failure{
	"InvalidSpec": {
		cause: func(f *failing) {
			f.edit(func(spec rig.Object) { rig.Replicas(3, 2)(rig.BackendOf(spec, "a")) })
		},
		cure: (*failing).restore,
	},
	"UnsupportedBackend": {
		cause: func(f *failing) { f.edit(func(spec rig.Object) { rig.BackendOf(spec, "a")["type"] = "SGLang" }) },
		cure:  (*failing).restore,
	},
	"NameConflict": {
		cause: func(f *failing) {
			f.foreign = f.r.Create(foreignServer("demo-c"))
			f.edit(func(spec rig.Object) { rig.AddBackend(spec, rig.Backend("c")) })
		},
		cure: (*failing).restore,
	},
	"Rejected": {
		cause: func(f *failing) {
			replaceDefinition(f.t, f.r, rig.Definition(rig.Routes), func(schema rig.Object) {
				weight := properties(schema, "spec", "rules", "targetModels")["weight"].(rig.Object)
				weight["maximum"], weight["default"] = int64(50), int64(50)
			})
			f.edit(weigh(77))
		},
		cure: (*failing).restore,
	},
	"KindMissing": {
		cause: func(f *failing) {
			if err := shared.Remove(f.r.Context, rig.Definition(rig.Bindings)); err != nil {
				f.t.Fatal(err)
			}
		},
		cure: func(f *failing) {
			if _, err := shared.Install(f.r.Context, definitionOf(f.t, rig.Definition(rig.Bindings))); err != nil {
				f.t.Fatal(err)
			}
		},
	},
	"Forbidden": {
		cause: func(f *failing) {
			f.rules = f.r.ShippedRules()
			f.r.GrantRules(f.rules.Without(rig.Grant{Group: rig.Routes.Group, Resource: "modelroutes", Verb: "patch"}))
			f.edit(weigh(7))
		},
		cure: func(f *failing) { f.r.GrantRules(f.rules) },
		back: (*failing).restore,
	},
	"NeedsRecreate": {
		needsOurs: true,
		cause: func(f *failing) {
			f.edit(func(spec rig.Object) { rig.BackendOf(spec, "b")["gangPolicy"] = rig.Object{"enabled": false} })
		},
		cure: (*failing).restore,
	},
	"OtherController": {
		cause: func(f *failing) {
			ours, _, _ := unstructured.NestedString(f.r.Get(rig.Servers, "demo-a").Object, "spec", "model")
			f.r.Eventually(rig.Patience, "Failed=OtherController", func() string {
				if model, _, _ := unstructured.NestedString(f.r.Get(rig.Servers, "demo-a").Object, "spec", "model"); model == ours {
					f.r.Patch(rig.Servers, "demo-a", "rival-controller", rig.Object{"spec": rig.Object{"model": "theirs"}})
				}
				return otherThan("OtherController", rig.ConditionOf(f.r.Get(rig.Boosters, "demo"), "Failed"))
			})
		},
		// An edit of what is fought over is tried, and nobody fights any more.
		cure: func(f *failing) {
			f.edit(func(spec rig.Object) {
				rig.BackendOf(spec, "a")["workers"].([]any)[0].(rig.Object)["config"] = rig.Object{"served-model-name": "another"}
			})
		},
		back: (*failing).restore,
	},
}

func otherThan(reason string, failed rig.Condition) string {
	if failed.Status == "True" && failed.Reason == reason {
		return ""
	}
	return "Failed=" + failed.Status + " " + failed.Reason + ": " + failed.Message
}

// demoWithEverything has a child of each kind, and two backends.
func demoWithEverything() *unstructured.Unstructured {
	b := rig.Backend("b", rig.Weight(20))
	if settings.Set == "ours" {
		b["gangPolicy"] = rig.Object{"enabled": true}
	}
	return rig.NewBooster("demo", rig.Backend("a", rig.Weight(40), rig.Replicas(1, 3), rig.Scaled), b)
}

// atRest waits until a ModelBooster has come to rest without a failure, and looks at it.
func atRest(r *rig.Rig, name string) view {
	r.T.Helper()
	r.AwaitConditionWithin(2*rig.Patience, name, "Failed", "False", "NoFailure")
	r.AwaitInitialized(name)
	r.Settle()
	now, err := look(r, name)
	if err != nil {
		r.T.Fatal(err)
	}
	if wrong := now.untrue(truth{"True", "False", "NoFailure"}); wrong != "" {
		r.T.Error(wrong)
	}
	return now
}

// From every reason of Failed there is a way back: the reason is said, of this generation; once its cause is gone so is it; and the children
// are what they were, none of them made anew unless it was gone.
func TestRecoveryFromEveryReasonOfFailed(t *testing.T) {
	alone(t, "it changes definitions")
	for _, reason := range slices.Sorted(maps.Keys(failures)) {
		t.Run(reason, func(t *testing.T) {
			if failures[reason].needsOurs {
				needOurs(t, "field for it")
			}
			recoverFrom(t, reason, failures[reason])
		})
	}
}

func recoverFrom(t *testing.T, reason string, way failure) {
	r := newRig(t)
	r.Start(rig.Flags{})
	r.Create(demoWithEverything())
	first := atRest(r, "demo")
	f := &failing{t: t, r: r, base: rig.Spec(first.booster)}
	way.cause(f)
	o := r.AwaitCondition("demo", "Failed", "True", reason)
	for _, kind := range []string{"Initialized", "Active"} {
		if condition := rig.ConditionOf(o, kind); condition.ObservedGeneration != o.GetGeneration() || kind == "Active" && condition.Status == "True" {
			t.Errorf("%+v of generation %d", condition, o.GetGeneration())
		}
	}
	way.cure(f)
	cured := atRest(r, "demo")
	if way.back != nil {
		way.back(f)
		cured = atRest(r, "demo")
	}
	if difference := first.unlikeView(cured); difference != "" {
		t.Error(difference)
	}
	for name, child := range first.children {
		isRemoved := reason == "KindMissing" && child.GetKind() == "AutoscalingPolicyBinding"
		if now := cured.children[name]; now != nil && now.GetUID() != child.GetUID() && !isRemoved {
			t.Errorf("%s was made anew", name)
		}
	}
	if f.foreign != nil {
		if now := r.Get(rig.Servers, f.foreign.GetName()); now.GetResourceVersion() != f.foreign.GetResourceVersion() {
			t.Errorf("the foreign object was written to: %v", now.Object)
		}
	}
}

// Requests that fail for a minute with an answer that usually passes are said to, with the server's last words; when they come through again it
// recovers by itself.
func TestUnreachableForAMinute(t *testing.T) {
	t.Parallel()
	needOurs(t, "need for it: one set of definitions is enough")
	r := newRig(t)
	filter := newFilter(t)
	r.Start(rig.Flags{Server: filter.URL, Authority: filter.Authority, Extra: []string{"--log-level", "debug"}})
	r.Create(demoWithEverything())
	first := atRest(r, "demo")
	filter.Refuse(func(request *http.Request) bool {
		return request.Method == http.MethodPatch && strings.Contains(request.URL.Path, "/modelroutes/")
	})
	r.EditSpec("demo", weigh(7))
	o := r.AwaitConditionWithin(2*rig.Patience, "demo", "Failed", "True", "Unreachable")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "the filter refuses") {
		t.Errorf("not the server's words: %q", message)
	}
	filter.Refuse(nil)
	changed := atRest(r, "demo")
	if weights := weightsOf(changed.children["modelroutes/demo"]); !slices.Equal(weights, []int64{7, 20}) {
		t.Errorf("weights %v", weights)
	}
	r.Edit(rig.Boosters, "demo", func(o *unstructured.Unstructured) { o.Object["spec"] = rig.Spec(first.booster) })
	now := atRest(r, "demo")
	if difference := first.unlikeView(now); difference != "" {
		t.Error(difference)
	}
	r.StopAll()
	r.Delete(rig.Boosters, "demo", metav1.DeletePropagationBackground)
}

// The reasons that docs/conditions.md lists are those that the tests above bring about.
func TestEveryReasonOfFailedHasAWayBack(t *testing.T) {
	text, err := os.ReadFile(projectFile("docs", "conditions.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Failed\n")
	table, _, _ = strings.Cut(table, "\n## ")
	tried := append(slices.Collect(maps.Keys(failures)), "Unreachable")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, row[1])
	}
	slices.Sort(tried)
	slices.Sort(listed)
	if !slices.Equal(tried, listed) {
		t.Errorf("listed %v, tried %v", listed, tried)
	}
}

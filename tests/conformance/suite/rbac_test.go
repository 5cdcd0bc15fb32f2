package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// A right that is missing is named in Failed, by verb and resource; the other children are served; granted, it recovers.
func TestForbiddenVerbIsNamedAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rules := r.ShippedRules()
	r.GrantRules(rules.Without(rig.Grant{Group: rig.Routes.Group, Resource: "modelroutes", Verb: "create"}))
	r.Start(rig.Flags{})
	created := r.Create(rig.NewBooster("demo", rig.Backend("a")))
	o := r.AwaitCondition("demo", "Failed", "True", "Forbidden")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "create") || !strings.Contains(message, "modelroutes") {
		t.Errorf("the message does not name verb and resource: %q", message)
	}
	for _, child := range []string{"modelservings/demo-a", "modelservers/demo-a"} {
		if !r.Present()[child] {
			t.Errorf("%s waits for a right it does not need", child)
		}
	}
	r.GrantRules(rules)
	r.AwaitConditionWithin(3*rig.Patience, "demo", "Failed", "False", "NoFailure")
	r.AwaitChildren(created)
}

// `controller --check` finds all that it needs with the role that is shipped, and names each right that is taken away, and that alone.
func TestCheckNamesWhatLacks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rules := r.ShippedRules()
	r.GrantRules(rules)
	if output, status := r.Check(rig.Flags{}); status != 0 || !strings.Contains(output, "# ok      rights ") {
		t.Errorf("with the shipped role: exit status %d\n%s", status, output)
	}
	for _, grant := range []rig.Grant{{Group: rig.Routes.Group, Resource: "modelroutes", Verb: "create"},
		{Group: rig.Boosters.Group, Resource: "modelboosters/status", Verb: "patch"}, {Resource: "events", Verb: "patch"}} {
		r.GrantRules(rules.Without(grant))
		output, status := r.Check(rig.Flags{})
		line := fmt.Sprintf("# failed  rights       may not %s %s in namespace %s", grant.Verb, grant.Resource, r.Namespace)
		if status != 1 || !strings.Contains(output, line) || strings.Count(output, "# failed") != 1 {
			t.Errorf("without %s: exit status %d\n%s", grant, status, output)
		}
	}
}

// The role that deploy/rbac.yaml ships is exactly sufficient. Sufficient: the exercise, and every other test of this
// suite, meets no 403. Exactly: with any one verb taken away the exercise meets a 403 for it.
func TestShippedRoleIsExactlySufficient(t *testing.T) {
	t.Parallel()
	if shared.Audit == nil {
		t.Skip("skipped: a borrowed cluster shows no audit log")
	}
	needKubernetes(t, "admission webhooks")
	rules := newRig(t).ShippedRules()
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		exercise(t, newRig(t), func() bool { return false })
	})
	for _, grant := range rules.Grants() {
		if grant.Verb == "update" && grant.Resource != "modelboosters/finalizers" {
			t.Errorf("the role allows %s: changes are patches", grant)
		}
		if grant.Own {
			continue // the controller's own ConfigMap: TestShippedRoleInItsOwnNamespaceIsExactlySufficient
		}
		t.Run("without "+strings.ReplaceAll(grant.String(), "/", "-"), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.GrantRules(rules.Without(grant))
			isMissed := func() bool { return slices.ContainsFunc(r.Requests(), grant.MissedBy) }
			exercise(t, r, isMissed)
			if !isMissed() {
				t.Errorf("nothing needs this right: the exercise ends as if it were there\n%s", rig.Summary(rig.Count(r.Requests())))
			}
		})
	}
}

// exercise makes the controller use everything it can do. It ends early when isOver says so.
func exercise(t *testing.T, r *rig.Rig, isOver func() bool) {
	t.Helper()
	rivals := &rivals{r: r, busy: map[string]bool{}}
	interfere(t, r, rivals.decide, rig.Children...)
	first := r.Start(rig.Flags{})
	var current *unstructured.Unstructured
	edit := func(change func(spec rig.Object)) func() {
		return func() { current = r.EditSpec("demo", change) }
	}
	steps := []struct {
		what string
		do   func()
	}{
		{"create", func() {
			current = r.Create(rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 3), rig.Scaled), rig.Backend("b")))
		}},
		{"edit every child, while others do so too", func() {
			rivals.begin()
			edit(func(spec rig.Object) {
				a := rig.BackendOf(spec, "a")
				rig.Image("registry.example/vllm:2")(a)
				rig.Weight(7)(a)
				a["maxReplicas"] = int64(4)
				a["autoscalingPolicy"].(rig.Object)["tolerancePercent"] = int64(20)
				a["workers"].([]any)[0].(rig.Object)["config"] = rig.Object{"served-model-name": "another"}
			})()
			r.Eventually(rig.Patience, "every child to be looked at after a conflict", func() string {
				if isOver() {
					return ""
				}
				return rivals.endWhereSeen()
			})
		}},
		{"edit every child by hand", func() {
			for _, edit := range handEdits {
				r.Edit(edit.resource, childName(edit.resource), func(o *unstructured.Unstructured) { edit.change(rig.Spec(o)) })
			}
		}},
		{"remove policy and backend", edit(func(spec rig.Object) {
			rig.RemoveBackend(spec, "b")
			a := rig.BackendOf(spec, "a")
			delete(a, "autoscalingPolicy")
			a["minReplicas"], a["maxReplicas"] = int64(1), int64(1)
		})},
		{"replace the route", edit(func(spec rig.Object) { spec["name"] = "public-name" })},
	}
	for _, step := range steps {
		step.do()
		r.Eventually(rig.Patience, step.what, func() string {
			o := r.Get(rig.Boosters, "demo")
			switch {
			case isOver():
				return ""
			case rig.ConditionOf(o, "Initialized").Status != "True" || rig.ObservedGeneration(o) != o.GetGeneration():
				return fmt.Sprint(o.Object["status"])
			}
			return rig.Difference(rig.ExpectedChildren(current), r.Present())
		})
		if isOver() {
			return
		}
		r.Settle()
	}
	r.Create(rig.NewBooster("unkept", rig.Backend("a")))
	r.Eventually(rig.Patience, "an Event about the field that a webhook drops", func() string {
		for _, request := range r.Requests() {
			if request.Verb == "create" && request.Resource == "events" && request.Namespace == r.Namespace {
				return ""
			}
		}
		return rig.Summary(rig.Count(r.Requests()))
	})
	if isOver() {
		return
	}
	r.AwaitInitialized("unkept")
	if repeatEvent(r, isOver) {
		return
	}
	r.Settle()
	first.Stop()
	restarted(r)
}

// repeatEvent makes the same happen twice, so that an Event is counted. True when isOver says so.
func repeatEvent(r *rig.Rig, isOver func() bool) bool {
	r.T.Helper()
	for range 2 {
		old := r.Get(rig.Servers, "demo-a").GetUID()
		r.Delete(rig.Servers, "demo-a", metav1.DeletePropagationBackground)
		r.Eventually(rig.Patience, "the ModelServer to come back", func() string {
			if now := r.Find(rig.Servers, "demo-a"); !isOver() && (now == nil || now.GetUID() == old) {
				return "not yet"
			}
			return ""
		})
		if isOver() {
			return true
		}
	}
	r.Eventually(rig.Patience, "an Event to be counted", func() string {
		isCounted := slices.ContainsFunc(r.Requests(), func(q cluster.Request) bool { return q.Verb == "patch" && q.Resource == "events" })
		if !isCounted && !isOver() {
			return fmt.Sprint(r.Events("demo"))
		}
		return ""
	})
	return isOver()
}

// rivals is a webhook that writes to a child just when the controller does, so that the controller meets a real
// conflict; and it drops a field of the ModelServer of the model "unkept".
type rivals struct {
	r     *rig.Rig
	mutex sync.Mutex
	busy  map[string]bool // resources whose children they write to
	count int
}

func (v *rivals) begin() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	for _, resource := range rig.Children {
		v.busy[resource.Resource] = true
	}
}

func (v *rivals) decide(asked question) verdict {
	o := unstructured.Unstructured{Object: asked.Object}
	if o.GetName() == "probe" || o.GetName() == "unkept-a" && asked.Resource.Resource == rig.Servers.Resource {
		return withoutTrafficPolicy(asked.Object)
	}
	v.mutex.Lock()
	v.count++
	count, isBusy := v.count, v.busy[asked.Resource.Resource]
	v.mutex.Unlock()
	if !isBusy || asked.Operation != "UPDATE" || asked.UserInfo.Username != v.r.User.Name {
		return verdict{}
	}
	resource := schema.GroupVersionResource{Group: asked.Resource.Group, Version: asked.Resource.Version, Resource: asked.Resource.Resource}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.org/touched":"%d"}}}`, count)
	if _, err := v.r.In(resource).Patch(v.r.Context, o.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "rival"}); err != nil {
		return verdict{denial: "the rival failed: " + err.Error()}
	}
	return verdict{}
}

// endWhereSeen lets go of the resources of which the controller has read a child since; the rest is returned, "" for none.
func (v *rivals) endWhereSeen() string {
	requests := v.r.Requests()
	v.mutex.Lock()
	defer v.mutex.Unlock()
	for _, request := range requests {
		if request.Verb == "get" && request.Name != "" {
			delete(v.busy, request.Resource)
		}
	}
	if len(v.busy) == 0 {
		return ""
	}
	return fmt.Sprintf("not yet of %v", v.busy)
}

// restarted lets a second controller take over: it must find everything in place by its lists alone.
func restarted(r *rig.Rig) {
	r.T.Helper()
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.Eventually(rig.Patience, "tracer", func() string {
		if o := r.Get(rig.Boosters, "tracer"); rig.ConditionOf(o, "Initialized").Status != "True" {
			return fmt.Sprint(o.Object["status"])
		}
		return ""
	})
	r.Delete(rig.Boosters, "tracer", metav1.DeletePropagationBackground)
	r.Settle()
}

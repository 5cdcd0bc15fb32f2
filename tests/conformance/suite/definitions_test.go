package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// schemaOf is the openAPIV3Schema of a definition's first version, to be changed in place.
func schemaOf(definition *unstructured.Unstructured) rig.Object {
	versions := rig.Spec(definition)["versions"].([]any)
	return versions[0].(rig.Object)["schema"].(rig.Object)["openAPIV3Schema"].(rig.Object)
}

func properties(schema rig.Object, path ...string) rig.Object {
	for _, name := range path {
		schema = schema["properties"].(rig.Object)[name].(rig.Object)
		if items, isList := schema["items"].(rig.Object); isList {
			schema = items
		}
	}
	return schema["properties"].(rig.Object)
}

// replaceDefinition installs a changed definition for the time of a test.
func replaceDefinition(t *testing.T, r *rig.Rig, name string, change func(schema rig.Object)) {
	t.Helper()
	changed := definitionOf(t, name)
	change(schemaOf(changed))
	if _, err := shared.Install(r.Context, changed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := shared.Install(r.Context, definitionOf(t, name)); err != nil {
			t.Error(err)
		}
	})
}

// A definition that is not installed is named in Failed while the other kinds are served; installed later, it is found.
func TestDefinitionMissingAndInstalledLater(t *testing.T) {
	r := alone(t, "it removes a definition")
	name := rig.Definition(rig.Bindings)
	if err := shared.Remove(r.Context, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := shared.Install(r.Context, definitionOf(t, name)); err != nil {
			t.Error(err)
		}
	})
	r.Start(rig.Flags{})
	created := r.Create(every())
	o := r.AwaitCondition("demo", "Failed", "True", "KindMissing")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "AutoscalingPolicyBinding") {
		t.Errorf("the message does not name the kind: %q", message)
	}
	for _, child := range []string{"modelservings/demo-a", "modelservers/demo-a", "modelroutes/demo", "autoscalingpolicies/demo-a"} {
		r.Eventually(rig.Patience, child, func() string {
			if !r.Present()[child] {
				return "missing"
			}
			return ""
		})
	}
	r.Create(rig.NewBooster("without-policy", rig.Backend("a")))
	r.AwaitInitialized("without-policy")
	if _, err := shared.Install(r.Context, definitionOf(t, name)); err != nil {
		t.Fatal(err)
	}
	r.AwaitConditionWithin(2*time.Minute, "demo", "Initialized", "True", "")
	r.AwaitCondition("demo", "Failed", "False", "NoFailure")
	r.AwaitChildren(created, r.Get(rig.Boosters, "without-policy"))
}

// A definition of the ModelBooster that drops what we write to its status: no loop, and the rest of the status works.
func TestDefinitionThatDropsStatusFieldsCausesNoWriteLoop(t *testing.T) {
	r := alone(t, "it changes a definition")
	replaceDefinition(t, r, rig.Definition(rig.Boosters), func(schema rig.Object) {
		delete(properties(schema, "status"), "backendStatuses")
		delete(properties(schema, "status", "conditions"), "observedGeneration")
	})
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("demo", rig.Backend("a")))
	condition := func(kind, status string) {
		t.Helper()
		r.Eventually(rig.Patience, kind+"="+status, func() string {
			o := r.Get(rig.Boosters, "demo")
			if rig.ConditionOf(o, kind).Status == status && rig.ObservedGeneration(o) == o.GetGeneration() {
				return ""
			}
			return fmt.Sprint(o.Object["status"])
		})
	}
	condition("Initialized", "True")
	r.Report("demo-a", true, "AllGroupsReady", "all groups are ready")
	condition("Active", "True")
	r.Settle()
	count := rig.Count(r.Requests())["patch modelboosters/status"]
	if count > 3 {
		t.Errorf("%d status writes until Active", count)
	}
	// A loop without back-off would make hundreds of writes in this span, one with back-off several.
	r.Observe(3*time.Second, func() string {
		if now := rig.Count(r.Requests())["patch modelboosters/status"]; now > count {
			return fmt.Sprintf("status writes grow without a cause: %d, then %d", count, now)
		}
		return ""
	})
}

// A definition of a child that does not know a field we send: refused by strict validation and said so, or kept without
// it and named once; in both cases no loop, and the other kinds are served.
func TestDefinitionThatDropsAChildsFieldCausesNoWriteLoop(t *testing.T) {
	r := alone(t, "it changes a definition")
	replaceDefinition(t, r, rig.Definition(rig.Servers), func(schema rig.Object) {
		delete(properties(schema, "spec"), "trafficPolicy")
	})
	r.Start(rig.Flags{})
	created := r.Create(rig.NewBooster("demo", rig.Backend("a")))
	r.Eventually(rig.Patience, "a verdict", func() string {
		o := r.Get(rig.Boosters, "demo")
		failed := rig.ConditionOf(o, "Failed")
		if failed.Status == "True" && failed.Reason == "Rejected" && strings.Contains(failed.Message, "trafficPolicy") {
			return ""
		}
		if rig.ConditionOf(o, "Initialized").Status == "True" && slices.ContainsFunc(r.Events("demo"), func(text string) bool { return strings.Contains(text, "trafficPolicy") }) {
			return ""
		}
		return fmt.Sprint(o.Object["status"])
	})
	if r.Find(rig.Servings, "demo-a") == nil {
		t.Error("the ModelServing waits for the ModelServer")
	}
	// Retries that double from 5 ms make fewer than 12 writes in this span, and begin anew when a watch comes back, as those of a
	// changed definition do; a loop makes hundreds.
	before := len(rig.Writes(r.Requests()))
	r.Observe(3*time.Second, func() string {
		if writes := len(rig.Writes(r.Requests())) - before; writes > 30 {
			return fmt.Sprintf("%d writes in a loop:\n%s", writes, rig.Describe(rig.Writes(r.Requests())))
		}
		return ""
	})
	if _, err := shared.Install(r.Context, definitionOf(t, rig.Definition(rig.Servers))); err != nil {
		t.Fatal(err)
	}
	r.AwaitChildren(created)
	r.AwaitConditionWithin(2*rig.Patience, "demo", "Failed", "False", "NoFailure")
}

// A webhook that changes what we write is not fought: the accepted form counts, is named once in an Event, and survives a resync.
func TestWebhookThatChangesAChildCausesNoWriteLoop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	interfere(t, r, func(asked question) verdict { return withoutTrafficPolicy(asked.Object) }, rig.Servers)
	first := r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	count := rig.Count(rig.About(rig.Writes(r.Requests()), "demo-a"))
	if count["create modelservers"] != 1 || count["patch modelservers"] > 0 {
		t.Errorf("writes: %s", rig.Summary(count))
	}
	r.Eventually(rig.Patience, "an Event that names the field", func() string {
		for _, text := range r.Events("demo") {
			if strings.Contains(text, "trafficPolicy") {
				return ""
			}
		}
		return fmt.Sprint(r.Events("demo"))
	})
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	r.AwaitInitialized("demo")
	r.Settle()
	// A controller that restarts has no memory of what was not kept: it may try once, and must see that it gains nothing.
	first.Stop()
	before := len(r.Requests())
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.AwaitInitialized("tracer")
	r.Settle()
	if writes := rig.Count(rig.About(r.Requests()[before:], "demo-a"))["patch modelservers"]; writes > 1 {
		t.Errorf("%d writes to the changed child after a restart", writes)
	}
}

// A webhook's denial is Rejected, with the webhook's own words.
func TestWebhookDenialIsRejectedWithItsWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	interfere(t, r, func(question) verdict { return verdict{denial: "no servers on Fridays"} }, rig.Servers)
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("demo", rig.Backend("a")))
	o := r.AwaitCondition("demo", "Failed", "True", "Rejected")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "no servers on Fridays") {
		t.Errorf("message %q", message)
	}
	if r.Find(rig.Servings, "demo-a") == nil {
		t.Error("the ModelServing waits for the ModelServer")
	}
}

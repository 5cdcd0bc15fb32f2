package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// active brings a ModelBooster to Active and waits until the controller is idle.
func active(r *rig.Rig, o *unstructured.Unstructured) *unstructured.Unstructured {
	r.T.Helper()
	r.Create(o)
	r.AwaitInitialized(o.GetName())
	for name := range rig.ExpectedChildren(o) {
		if kind, child, _ := strings.Cut(name, "/"); kind == "modelservings" {
			r.Report(child, true, "AllGroupsReady", "all groups are ready")
		}
	}
	stored := r.AwaitCondition(o.GetName(), "Active", "True", "")
	r.Settle()
	return stored
}

// An edit of a weight changes the route and nothing else, and Active stays True throughout.
func TestEditOfWeightTouchesTheRouteOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a", rig.Weight(40)), rig.Backend("b", rig.Weight(60))))
	before, versions := len(r.Requests()), r.Record(rig.Boosters)
	r.EditSpec("demo", func(spec rig.Object) { rig.BackendOf(spec, "a")["routeWeight"] = int64(5) })
	r.AwaitInitialized("demo")
	r.Settle()
	last := r.Get(rig.Boosters, "demo")
	for _, version := range versions.Until(r, last) {
		if condition := rig.ConditionOf(version, "Active"); condition.Status != "True" {
			t.Errorf("Active flapped: %+v", condition)
		}
	}
	requests := r.Requests()[before:]
	r.ExpectOnly(requests, "patch modelroutes/demo", "patch modelboosters/status/demo")
	if count := rig.Count(rig.Writes(requests)); count["patch modelboosters/status"] != 1 || count["patch modelroutes"] != 1 {
		t.Errorf("writes: %s", rig.Summary(count))
	}
	if weights := weightsOf(r.Get(rig.Routes, "demo")); !slices.Equal(weights, []int64{5, 60}) {
		t.Errorf("weights %v", weights)
	}
}

func weightsOf(route *unstructured.Unstructured) []int64 {
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	targets, _, _ := unstructured.NestedSlice(rules[0].(map[string]any), "targetModels")
	var weights []int64
	for _, target := range targets {
		weight, _ := target.(map[string]any)["weight"].(int64)
		weights = append(weights, weight)
	}
	return weights
}

// The replicas of a range belong to whatever autoscaler there is: no edit resets them, bounds only clamp them, and
// the autoscaler's own write is no drift.
func TestEditOfMinAndMaxKeepsTheReplicasAnAutoscalerChose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 5), rig.Scaled), rig.Backend("b")))
	expectReplicas := func(name string, expected int64, why string) {
		t.Helper()
		r.Eventually(rig.Patience, why, func() string {
			replicas, _, _ := unstructured.NestedInt64(r.Get(rig.Servings, name).Object, "spec", "replicas")
			if replicas != expected {
				return fmt.Sprintf("replicas %d; writes:\n%s", replicas, rig.Describe(rig.Writes(r.Requests())))
			}
			return ""
		})
	}
	expectReplicas("demo-a", 1, "the start value is the minimum")
	before := len(r.Requests())
	r.Patch(rig.Servings, "demo-a", "autoscaler", rig.Object{"spec": rig.Object{"replicas": int64(4)}})
	r.Settle()
	r.ExpectOnly(r.Requests()[before:], "patch modelboosters/status/demo")
	expectReplicas("demo-a", 4, "the autoscaler's number stays")
	for _, step := range []struct {
		name     string
		min, max int64
		expected int64
	}{{"a higher maximum", 1, 9, 4}, {"a higher minimum below it", 3, 9, 4}, {"a minimum above it", 6, 9, 6}, {"a maximum below it", 1, 2, 2}} {
		r.EditSpec("demo", func(spec rig.Object) {
			backend := rig.BackendOf(spec, "a")
			backend["minReplicas"], backend["maxReplicas"] = step.min, step.max
		})
		r.AwaitInitialized("demo")
		r.Settle()
		expectReplicas("demo-a", step.expected, step.name)
		binding := r.Get(rig.Bindings, "demo-a")
		most, _, _ := unstructured.NestedInt64(binding.Object, "spec", "scalingConfiguration", "maxReplicas")
		if most != step.max {
			t.Errorf("%s: the binding says at most %d", step.name, most)
		}
	}
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	r.AwaitInitialized("demo")
	expectReplicas("demo-a", 2, "an edit of the image")
	if image := rig.EngineImage(r.Get(rig.Servings, "demo-a")); image != "registry.example/vllm:2" {
		t.Errorf("image %q", image)
	}
}

// A change of min = max is a change of the number.
func TestEditOfFixedReplicasScales(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a", rig.Replicas(2, 2))))
	versions := r.Record(rig.Boosters)
	r.EditSpec("demo", func(spec rig.Object) { rig.Replicas(3, 3)(rig.BackendOf(spec, "a")) })
	r.AwaitInitialized("demo")
	r.Settle()
	if replicas, _, _ := unstructured.NestedInt64(r.Get(rig.Servings, "demo-a").Object, "spec", "replicas"); replicas != 3 {
		t.Errorf("replicas %d", replicas)
	}
	for _, version := range versions.Until(r, r.Get(rig.Boosters, "demo")) {
		if condition := rig.ConditionOf(version, "Active"); condition.Status != "True" {
			t.Errorf("Active flapped while scaling: %+v", condition)
		}
	}
}

// An edit of one backend's image touches that backend's ModelServing only.
func TestEditOfImageTouchesOnlyThatBackend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a"), rig.Backend("b")))
	before := len(r.Requests())
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "b")) })
	r.AwaitInitialized("demo")
	r.Settle()
	r.ExpectOnly(r.Requests()[before:], "patch modelservings/demo-b", "patch modelboosters/status/demo")
	if a, b := rig.EngineImage(r.Get(rig.Servings, "demo-a")), rig.EngineImage(r.Get(rig.Servings, "demo-b")); a != "registry.example/vllm:1" || b != "registry.example/vllm:2" {
		t.Errorf("images %q and %q", a, b)
	}
}

// An edit of what no child shows causes one status write and nothing else.
func TestEditThatChangesNoChildWritesStatusOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	before := len(r.Requests())
	r.EditSpec("demo", func(spec rig.Object) { spec["owner"] = "somebody" })
	r.AwaitInitialized("demo")
	r.Settle()
	r.ExpectOnly(r.Requests()[before:], "patch modelboosters/status/demo")
}

// A backend that is added gets its children before traffic; one that is removed loses traffic before its children go;
// one that is renamed is both.
func TestBackendAddedRemovedAndRenamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a"), rig.Backend("b")))

	before := len(r.Requests())
	edited := r.EditSpec("demo", func(spec rig.Object) { rig.AddBackend(spec, rig.Backend("c")) })
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	expectOrder(r, r.Requests()[before:], "create modelservings/demo-c", "create modelservers/demo-c", "patch modelroutes/demo")
	r.ExpectOnly(r.Requests()[before:], "create modelservings/demo-c", "create modelservers/demo-c", "patch modelroutes/demo",
		"patch modelboosters/status/demo")

	before = len(r.Requests())
	edited = r.EditSpec("demo", func(spec rig.Object) { rig.RemoveBackend(spec, "a") })
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	requests := r.Requests()[before:]
	expectOrder(r, requests, "patch modelroutes/demo", "delete modelservers/demo-a", "delete modelservings/demo-a")
	expectOrder(r, requests, "get modelboosters/demo", "delete modelservers/demo-a")
	expectPreconditions(t, requests)

	before = len(r.Requests())
	edited = r.EditSpec("demo", func(spec rig.Object) { rig.BackendOf(spec, "b")["name"] = "d" })
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	expectOrder(r, r.Requests()[before:], "create modelservings/demo-d", "create modelservers/demo-d", "patch modelroutes/demo",
		"delete modelservers/demo-b", "delete modelservings/demo-b")
}

// expectOrder checks that requests of these names were made, and answered, in this order.
func expectOrder(r *rig.Rig, requests []cluster.Request, names ...string) {
	r.T.Helper()
	next := 0
	for _, request := range requests {
		if next < len(names) && request.Verb+" "+request.Kind()+"/"+request.Name == names[next] && request.Code < 300 {
			next++
		}
	}
	if next < len(names) {
		r.T.Errorf("not in the order %q (stopped before %q):\n%s", names, names[next], rig.Describe(requests))
	}
}

// expectPreconditions checks that no delete can hit another object than the one that was seen.
func expectPreconditions(t *testing.T, requests []cluster.Request) {
	t.Helper()
	for _, request := range requests {
		if request.Verb == "delete" && (!strings.Contains(string(request.Body), `"uid"`) || !strings.Contains(string(request.Body), `"resourceVersion"`)) {
			t.Errorf("delete %s/%s without preconditions: %s", request.Kind(), request.Name, request.Body)
		}
	}
}

// A policy moves from a backend to the model and away again, and nothing is orphaned on the way.
func TestPolicyMovesBetweenLevelsAndGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	created := active(r, rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 3), rig.Scaled), rig.Backend("b", rig.Replicas(1, 2))))
	r.AwaitChildren(created)
	expectOrder(r, r.Requests(), "create autoscalingpolicies/demo-a", "create autoscalingpolicybindings/demo-a")

	before := len(r.Requests())
	edited := r.EditSpec("demo", func(spec rig.Object) {
		delete(rig.BackendOf(spec, "a"), "autoscalingPolicy")
		spec["autoscalingPolicy"] = rig.Policy()
		rig.Cost(10)(rig.BackendOf(spec, "a"))
		rig.Cost(20)(rig.BackendOf(spec, "b"))
	})
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	expectOrder(r, r.Requests()[before:], "delete autoscalingpolicybindings/demo-a", "delete autoscalingpolicies/demo-a")
	expectOrder(r, r.Requests()[before:], "create autoscalingpolicies/demo", "create autoscalingpolicybindings/demo")

	before = len(r.Requests())
	edited = r.EditSpec("demo", func(spec rig.Object) {
		delete(spec, "autoscalingPolicy")
		delete(rig.BackendOf(spec, "a"), "scalingCost")
		delete(rig.BackendOf(spec, "b"), "scalingCost")
	})
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	expectOrder(r, r.Requests()[before:], "delete autoscalingpolicybindings/demo", "delete autoscalingpolicies/demo")
	expectPreconditions(t, r.Requests()[before:])
}

// A changed spec.name changes the route's modelName, which is immutable: the route is replaced, not left.
func TestModelNameChangeReplacesTheRoute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	old := r.Get(rig.Routes, "demo")
	edited := r.EditSpec("demo", func(spec rig.Object) { spec["name"] = "public-name" })
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	route := r.Get(rig.Routes, "demo")
	if name, _, _ := unstructured.NestedString(route.Object, "spec", "modelName"); name != "public-name" || route.GetUID() == old.GetUID() {
		t.Errorf("modelName %q, uid %s (before %s)", name, route.GetUID(), old.GetUID())
	}
}

package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"model-booster.local/conformance/rig"
)

// every is a ModelBooster with a child of each kind.
func every() *unstructured.Unstructured {
	return rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 3), rig.Scaled))
}

func childName(resource schema.GroupVersionResource) string {
	if resource == rig.Routes {
		return "demo"
	}
	return "demo-a"
}

// What watches tell arrives at once, whatever its size and one change after another: not when the next comes, or a bookmark.
func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	tracer(r, "tracer") // the lists are in
	const within = 5 * time.Second
	for size := 500; size < 200_000; size = size * 3 / 2 {
		name := fmt.Sprintf("of-%d", size)
		o := rig.NewBooster(name, rig.Backend("a"))
		o.SetAnnotations(map[string]string{"example.org/size": strings.Repeat("x", size)})
		r.Create(o)
		r.AwaitConditionWithin(within, name, "Initialized", "True", "")
	}
	for range 5 {
		old := r.Get(rig.Servers, "tracer-a").GetUID()
		r.Delete(rig.Servers, "tracer-a", metav1.DeletePropagationBackground)
		r.Eventually(within, "the ModelServer to come back", func() string {
			if again := r.Find(rig.Servers, "tracer-a"); again == nil || again.GetUID() == old {
				return "not yet"
			}
			return ""
		})
	}
}

// A child of any kind that is deleted by hand comes back, the same.
func TestChildDeletedByHandIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, every())
	for _, resource := range rig.Children {
		name := childName(resource)
		old := r.Get(resource, name)
		r.Delete(resource, name, metav1.DeletePropagationBackground)
		var again *unstructured.Unstructured
		r.Eventually(rig.Patience, resource.Resource+" to come back", func() string {
			if again = r.Find(resource, name); again == nil || again.GetUID() == old.GetUID() {
				return "not yet"
			}
			return ""
		})
		if !reflect.DeepEqual(rig.Spec(again), rig.Spec(old)) {
			t.Errorf("%s came back as another:\n%s\nbefore:\n%s", resource.Resource, text(again), text(old))
		}
		r.AwaitInitialized("demo")
	}
}

func text(o *unstructured.Unstructured) string {
	data, _ := json.MarshalIndent(o.Object["spec"], "", "  ")
	return string(data)
}

// handEdits are changes by hand to what is ours, one for each kind.
var handEdits = []struct {
	resource schema.GroupVersionResource
	change   func(spec rig.Object)
}{
	{rig.Servings, func(spec rig.Object) { spec["template"].(rig.Object)["restartGracePeriodSeconds"] = int64(7) }},
	{rig.Servers, func(spec rig.Object) { spec["model"] = "another" }},
	{rig.Policies, func(spec rig.Object) { spec["tolerancePercent"] = int64(77) }},
	{rig.Bindings, func(spec rig.Object) { spec["scalingConfiguration"].(rig.Object)["maxReplicas"] = int64(99) }},
	{rig.Routes, func(spec rig.Object) {
		rule := spec["rules"].([]any)[0].(rig.Object)
		rule["targetModels"].([]any)[0].(rig.Object)["weight"] = int64(1)
	}},
}

// A child of any kind that is edited by hand is put right, with one write; labels, annotations and finalizers of others stay.
func TestChildEditedByHandIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, every())
	for _, edit := range handEdits {
		name := childName(edit.resource)
		old := r.Get(edit.resource, name)
		before := len(r.Requests())
		r.Edit(edit.resource, name, func(o *unstructured.Unstructured) {
			edit.change(rig.Spec(o))
			o.SetAnnotations(with(o.GetAnnotations(), "example.org/note", "kept"))
			labels := with(o.GetLabels(), "example.org/team", "kept")
			delete(labels, rig.BackendLabel)
			o.SetLabels(labels)
			o.SetFinalizers([]string{"example.org/finalizer"})
		})
		r.Eventually(rig.Patience, edit.resource.Resource+" to be put right", func() string {
			now := r.Get(edit.resource, name)
			_, labelled := now.GetLabels()[rig.BackendLabel]
			if reflect.DeepEqual(rig.Spec(now), rig.Spec(old)) && labelled {
				return ""
			}
			return text(now)
		})
		r.Settle()
		now := r.Get(edit.resource, name)
		if now.GetLabels()["example.org/team"] != "kept" || now.GetAnnotations()["example.org/note"] != "kept" ||
			!slices.Equal(now.GetFinalizers(), []string{"example.org/finalizer"}) {
			t.Errorf("%s: what others wrote is gone: %v", edit.resource.Resource, now.Object["metadata"])
		}
		if count := rig.Count(rig.About(r.Requests()[before:], name)); count["patch "+edit.resource.Resource] != 1 {
			t.Errorf("%s: writes %s", edit.resource.Resource, rig.Summary(count))
		}
		r.Edit(edit.resource, name, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	}
}

func with(values map[string]string, key, value string) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	values[key] = value
	return values
}

// Children as Kthena's own controller makes them, owned but without a controller, become properly controlled.
func TestOwnerReferenceIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	o := active(r, rig.NewBooster("demo", rig.Backend("a")))
	for _, resource := range []schema.GroupVersionResource{rig.Servings, rig.Servers, rig.Routes} {
		name := childName(resource)
		r.Edit(resource, name, func(child *unstructured.Unstructured) {
			child.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Name: "demo", UID: o.GetUID()}})
		})
		r.Eventually(rig.Patience, resource.Resource+" to be controlled again", func() string {
			child := r.Get(resource, name)
			if owner := metav1.GetControllerOf(child); owner != nil && owner.UID == o.GetUID() && len(child.GetOwnerReferences()) == 1 {
				return ""
			}
			return rig.Describe(nil) + mustMarshal(child.GetOwnerReferences())
		})
	}
}

// Edits made while the controller was down are found when it comes back.
func TestDriftWhileTheControllerWasDownIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.Start(rig.Flags{})
	o := active(r, every())
	r.Delete(rig.Servers, "demo-a", metav1.DeletePropagationBackground)
	r.AwaitChildren(o) // repaired while it ran
	first.Stop()
	specs := map[string]rig.Object{}
	for _, edit := range handEdits {
		name := childName(edit.resource)
		specs[edit.resource.Resource] = rig.Spec(r.Get(edit.resource, name))
		r.Edit(edit.resource, name, func(o *unstructured.Unstructured) { edit.change(rig.Spec(o)) })
	}
	r.Delete(rig.Servers, "demo-a", metav1.DeletePropagationBackground)
	r.Start(rig.Flags{})
	for _, edit := range handEdits {
		r.Eventually(rig.Patience, edit.resource.Resource+" to be put right", func() string {
			now := r.Find(edit.resource, childName(edit.resource))
			if now != nil && reflect.DeepEqual(rig.Spec(now), specs[edit.resource.Resource]) {
				return ""
			}
			return "not yet"
		})
	}
}

// foreignServer is a ModelServer that somebody else made under a name we want.
func foreignServer(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: rig.Object{"apiVersion": rig.Servers.GroupVersion().String(), "kind": "ModelServer",
		"spec": rig.Object{"inferenceEngine": "vLLM", "workloadSelector": rig.Object{"matchLabels": rig.Object{"app": "theirs"}},
			"workloadPort": rig.Object{"port": int64(8000)}}}}
	o.SetName(name)
	return o
}

// A foreign object under a child's name is left alone and named in Failed; when it goes, the ModelBooster recovers.
func TestForeignObjectIsLeftAloneAndNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	foreign := r.Create(foreignServer("demo-a"))
	created := r.Create(rig.NewBooster("demo", rig.Backend("a"), rig.Backend("b")))
	o := r.AwaitCondition("demo", "Failed", "True", "NameConflict")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "demo-a") || !strings.Contains(message, "ModelServer") {
		t.Errorf("message does not name the object: %q", message)
	}
	r.Settle()
	if now := r.Get(rig.Servers, "demo-a"); now.GetResourceVersion() != foreign.GetResourceVersion() {
		t.Errorf("the foreign object was written to: %v", now.Object)
	}
	if r.Find(rig.Servings, "demo-b") == nil {
		t.Error("the conflict of one child keeps the other backend from its ModelServing")
	}
	r.Delete(rig.Servers, "demo-a", metav1.DeletePropagationBackground)
	r.AwaitInitialized("demo")
	r.AwaitCondition("demo", "Failed", "False", "NoFailure")
	r.AwaitChildren(created)
}

// Two ModelBoosters whose children have one name: the first keeps it, the second says so, and gets it when the first goes.
func TestTwoBoostersThatCollide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("a", rig.Backend("b-c")))
	first := r.Get(rig.Servings, "a-b-c")
	second := r.Create(rig.NewBooster("a-b", rig.Backend("c")))
	o := r.AwaitCondition("a-b", "Failed", "True", "NameConflict")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "a-b-c") {
		t.Errorf("message does not name the child: %q", message)
	}
	r.Settle()
	if now := r.Get(rig.Servings, "a-b-c"); now.GetUID() != first.GetUID() || now.GetGeneration() != first.GetGeneration() {
		t.Error("the first one's child was touched")
	}
	if condition := rig.ConditionOf(r.Get(rig.Boosters, "a"), "Active"); condition.Status != "True" {
		t.Errorf("the first one suffers: %+v", condition)
	}
	r.Delete(rig.Boosters, "a", metav1.DeletePropagationBackground)
	r.AwaitInitialized("a-b")
	r.AwaitCondition("a-b", "Failed", "False", "NoFailure")
	r.AwaitChildren(second)
}

// Another manager that keeps rewriting a child is not fought for ever: three rewrites, then OtherController, by name.
func TestFightWithAnotherManagerEndsInOtherController(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	before := len(r.Requests())
	ours, _, _ := unstructured.NestedString(r.Get(rig.Servers, "demo-a").Object, "spec", "model")
	rewrites := 0
	r.Eventually(rig.Patience, "Failed=OtherController", func() string {
		if model, _, _ := unstructured.NestedString(r.Get(rig.Servers, "demo-a").Object, "spec", "model"); model == ours {
			r.Patch(rig.Servers, "demo-a", "rival-controller", rig.Object{"spec": rig.Object{"model": "theirs"}})
			rewrites++
		}
		failed := rig.ConditionOf(r.Get(rig.Boosters, "demo"), "Failed")
		if failed.Status == "True" && failed.Reason == "OtherController" {
			return ""
		}
		return failed.Reason + ": " + failed.Message
	})
	failed := rig.ConditionOf(r.Get(rig.Boosters, "demo"), "Failed")
	if !strings.Contains(failed.Message, "rival-controller") {
		t.Errorf("the message does not name the other manager: %q", failed.Message)
	}
	r.Settle()
	if writes := rig.Count(r.Requests()[before:])["patch modelservers"]; writes > 3 || rewrites > 4 {
		t.Errorf("%d rewrites by the rival, %d by us: that is a fight", rewrites, writes)
	}
	// An edit by the user is a new start.
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	r.Eventually(rig.Patience, "the edit to arrive", func() string {
		if image := rig.EngineImage(r.Get(rig.Servings, "demo-a")); image != "registry.example/vllm:2" {
			return fmt.Sprintf("image %q", image)
		}
		return ""
	})
}

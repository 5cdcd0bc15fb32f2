package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"model-booster.local/conformance/rig"
)

// awaitEvent waits for an Event about demo with these words.
func awaitEvent(r *rig.Rig, words string) {
	r.T.Helper()
	r.Eventually(rig.Patience, "an Event: "+words, func() string {
		if slices.ContainsFunc(r.Events("demo"), func(text string) bool { return strings.Contains(text, words) }) {
			return ""
		}
		return "there are:\n" + strings.Join(r.Events("demo"), "\n")
	})
}

// What happens to a ModelBooster is told, a line each, and what happens again is counted.
func TestEventsTellWhatHappened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	taken := r.Create(&unstructured.Unstructured{Object: rig.Object{"apiVersion": rig.Servers.GroupVersion().String(), "kind": "ModelServer",
		"metadata": rig.Object{"name": "demo-a"}, "spec": rig.Object{"inferenceEngine": "vLLM", "workloadSelector": rig.Object{"matchLabels": rig.Object{"a": "b"}}}}})
	r.Create(rig.NewBooster("demo", rig.Backend("a")))
	awaitEvent(r, "NameConflict: ")
	awaitEvent(r, "Created: created ModelServing demo-a, ModelRoute demo")
	r.Delete(rig.Servers, taken.GetName(), metav1.DeletePropagationBackground)
	awaitEvent(r, "Recovered: NameConflict is over")
	r.AwaitInitialized("demo")
	for range 2 {
		before := rig.Spec(r.Get(rig.Servers, "demo-a"))["model"]
		r.Edit(rig.Servers, "demo-a", func(o *unstructured.Unstructured) { rig.Spec(o)["model"] = "by-hand" })
		r.Eventually(rig.Patience, "the ModelServer to be put right", func() string {
			if now := rig.Spec(r.Get(rig.Servers, "demo-a"))["model"]; now != before {
				return fmt.Sprint(now)
			}
			return ""
		})
	}
	awaitEvent(r, "Repaired: ModelServer demo-a: spec.model was changed by ")
	r.Eventually(rig.Patience, "the second repair to be counted", func() string {
		var counts []string
		for _, event := range r.List(schema.GroupVersionResource{Version: "v1", Resource: "events"}) {
			count, _, _ := unstructured.NestedInt64(event.Object, "count")
			if event.Object["reason"] == "Repaired" && count == 2 {
				return ""
			}
			counts = append(counts, fmt.Sprint(event.Object["reason"], " x", count))
		}
		return "there are " + strings.Join(counts, ", ")
	})
}

package conformance

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// A new ModelBooster leads to its children, each owned and labelled, and to Initialized.
func TestCreateLeadsToChildrenAndInitialized(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	created := r.Create(rig.NewBooster("demo", rig.Backend("a", rig.Scaled), rig.Backend("b", rig.Weight(30))))
	o := r.AwaitInitialized("demo")
	r.AwaitChildren(created)
	for _, resource := range rig.Children {
		for _, child := range r.List(resource) {
			name := resource.Resource + "/" + child.GetName()
			owner := metav1.GetControllerOf(&child)
			if owner == nil || owner.UID != created.GetUID() || owner.BlockOwnerDeletion == nil || !*owner.BlockOwnerDeletion {
				t.Errorf("%s: ownerReferences %v", name, child.GetOwnerReferences())
			}
			labels := child.GetLabels()
			if labels[rig.ModelLabel] != "demo" || labels[rig.UIDLabel] != string(created.GetUID()) ||
				labels[rig.ManagedLabel] != "workload.serving.volcano.sh" || len(labels[rig.RevisionLabel]) != 16 {
				t.Errorf("%s: labels %v", name, labels)
			}
		}
	}
	if active := rig.ConditionOf(o, "Active"); active.Status != "False" || active.Reason == "" {
		t.Errorf("Active before any ModelServing reports: %+v", active)
	}
	if failed := rig.ConditionOf(o, "Failed"); failed.Status != "False" || failed.Reason != "NoFailure" {
		t.Errorf("Failed: %+v", failed)
	}
}

// Active follows what the ModelServings say, names the one that is not available with its own words, and comes back.
func TestServingStatusesMakeActiveAndBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("demo", rig.Backend("a"), rig.Backend("b", rig.Replicas(2, 2))))
	r.AwaitInitialized("demo")
	r.Report("demo-a", true, "AllGroupsReady", "all groups are ready")
	r.Eventually(rig.Patience, "Active to name backend b", func() string {
		active := rig.ConditionOf(r.Get(rig.Boosters, "demo"), "Active")
		if active.Status == "False" && strings.Contains(active.Message, "b") && !strings.Contains(active.Message, "demo-a") {
			return ""
		}
		return active.Status + ": " + active.Message
	})
	r.Report("demo-b", true, "AllGroupsReady", "all groups are ready")
	first := r.AwaitCondition("demo", "Active", "True", "")
	checkBackends(t, first, "a", 1, "b", 2)
	r.Report("demo-b", false, "GroupsLost", "node gone with 2 groups")
	r.Eventually(rig.Patience, "Active=False with the serving's own words", func() string {
		active := rig.ConditionOf(r.Get(rig.Boosters, "demo"), "Active")
		if active.Status == "False" && strings.Contains(active.Message, "GroupsLost") && strings.Contains(active.Message, "node gone with 2 groups") {
			return ""
		}
		return active.Status + ": " + active.Message
	})
	if initialized := rig.ConditionOf(r.Get(rig.Boosters, "demo"), "Initialized"); initialized.Status != "True" {
		t.Errorf("Initialized while a serving is down: %+v", initialized)
	}
	r.Report("demo-b", true, "AllGroupsReady", "all groups are ready")
	r.AwaitCondition("demo", "Active", "True", "")
}

func checkBackends(t *testing.T, o *unstructured.Unstructured, expected ...any) {
	t.Helper()
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "backendStatuses")
	if len(list) != len(expected)/2 {
		t.Errorf("backendStatuses %v, expected %v", list, expected)
		return
	}
	for i, item := range list {
		status := item.(map[string]any)
		if status["name"] != expected[2*i] || status["replicas"] != int64(expected[2*i+1].(int)) {
			t.Errorf("backendStatuses[%d] = %v, expected %v", i, status, expected[2*i:2*i+2])
		}
		if settings.Set == "ours" && status["availableReplicas"] != status["replicas"] {
			t.Errorf("backendStatuses[%d] = %v: availableReplicas", i, status)
		}
	}
}

// A controller that watches all namespaces serves them all, and several named ones only those.
func TestAllNamespacesByDefaultAndSeveralByFlag(t *testing.T) {
	r := alone(t, "it watches every namespace")
	others := []*rig.Rig{newRig(t), newRig(t)}
	for _, corner := range append(others, r) {
		corner.Create(rig.NewBooster("demo", rig.Backend("a")))
	}
	several := r.Start(rig.Flags{Namespaces: []string{others[0].Namespace}})
	r.AwaitInitialized("demo")
	others[0].AwaitInitialized("demo")
	if present := others[1].Present(); len(present) > 0 {
		t.Errorf("children in a namespace that was not asked for: %v", present)
	}
	several.Stop()
	r.Start(rig.Flags{AllNamespaces: true})
	others[1].AwaitInitialized("demo")
}

// An invalid ModelBooster fails with the reason, writes no child, and recovers with the edit that mends it.
func TestInvalidSpecFailsAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("demo", rig.Backend("a", rig.Weight(0)))) // all weights 0: the router would panic
	o := r.AwaitCondition("demo", "Failed", "True", "InvalidSpec")
	if initialized := rig.ConditionOf(o, "Initialized"); initialized.Status != "False" {
		t.Errorf("Initialized: %+v", initialized)
	}
	if present := r.Present(); len(present) > 0 {
		t.Errorf("children of an invalid ModelBooster: %v", present)
	}
	fixed := r.EditSpec("demo", func(spec rig.Object) { rig.BackendOf(spec, "a")["routeWeight"] = int64(10) })
	r.AwaitInitialized("demo")
	r.AwaitCondition("demo", "Failed", "False", "NoFailure")
	r.AwaitChildren(fixed)
	r.Create(rig.NewBooster("later", rig.Backend("a", func(b rig.Object) { b["type"] = "SGLang" })))
	r.AwaitCondition("later", "Failed", "True", "UnsupportedBackend")
}

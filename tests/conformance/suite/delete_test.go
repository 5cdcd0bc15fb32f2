package conformance

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"model-booster.local/conformance/rig"
)

// Deletion is the garbage collector's work: everything goes, and the controller writes nothing to a ModelBooster that goes.
func TestDeleteCascades(t *testing.T) {
	t.Parallel()
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationBackground} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Start(rig.Flags{})
			active(r, rig.NewBooster("demo", rig.Backend("a", rig.Scaled), rig.Backend("b")))
			before := len(r.Requests())
			r.Delete(rig.Boosters, "demo", policy)
			r.AwaitGone(rig.Boosters, "demo")
			r.AwaitChildren()
			r.Settle()
			r.ExpectOnly(r.Requests()[before:])
		})
	}
}

// A ModelBooster that is deleted and created again under the same name at once gets children of its own,
// and the old one's are not mistaken for them.
func TestDeleteAndRecreateUnderTheSameNameAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a", rig.Scaled)))
	for round := range 5 {
		r.Delete(rig.Boosters, "demo", metav1.DeletePropagationBackground)
		r.AwaitGone(rig.Boosters, "demo") // nothing blocks it: this is the time of one answer
		created := r.Create(rig.NewBooster("demo", rig.Backend("a", rig.Scaled), rig.Backend(fmt.Sprintf("b%d", round))))
		r.AwaitInitialized("demo")
		r.AwaitChildren(created)
		for _, resource := range rig.Children {
			for _, child := range r.List(resource) {
				if owner := metav1.GetControllerOf(&child); owner == nil || owner.UID != created.GetUID() {
					t.Errorf("round %d: %s/%s belongs to %v, not to %s", round, resource.Resource, child.GetName(), owner, created.GetUID())
				}
			}
		}
	}
}

// Deleted with its children orphaned and created again: the orphans carry our labels and are adopted, not refused.
func TestOrphansAreAdopted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	serving := r.Get(rig.Servings, "demo-a")
	r.Delete(rig.Boosters, "demo", metav1.DeletePropagationOrphan)
	r.AwaitGone(rig.Boosters, "demo")
	created := r.Create(rig.NewBooster("demo", rig.Backend("a")))
	r.AwaitInitialized("demo")
	adopted := r.Get(rig.Servings, "demo-a")
	if adopted.GetUID() != serving.GetUID() {
		t.Error("the orphan was replaced, not adopted: the model was restarted")
	}
	if owner := metav1.GetControllerOf(adopted); owner == nil || owner.UID != created.GetUID() {
		t.Errorf("owner %v", owner)
	}
}

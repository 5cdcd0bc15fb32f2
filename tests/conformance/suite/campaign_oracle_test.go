package conformance

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// childSet are children by "resource/name".
type childSet map[string]*unstructured.Unstructured

func (s childSet) add(child *unstructured.Unstructured) {
	resource, _ := rig.ResourceOf(child)
	s[resource.Resource+"/"+child.GetName()] = child
}

// view is a ModelBooster and its children at one time.
type view struct {
	booster  *unstructured.Unstructured
	children childSet
}

// look reads a ModelBooster and the children that name it as theirs.
func look(r *rig.Rig, name string) (view, error) {
	v := view{children: childSet{}}
	var err error
	if v.booster, err = r.In(rig.Boosters).Get(r.Context, name, metav1.GetOptions{}); err != nil {
		return v, err
	}
	for _, resource := range rig.Children {
		children, err := r.TryListOf(resource, rig.ModelLabel+"="+name)
		if err != nil {
			return v, err
		}
		for i := range children {
			v.children.add(&children[i])
		}
	}
	return v, nil
}

// nothing is allowed to differ; or what a ModelServing keeps of a gangPolicy, and so the hash of it.
func nothing(string) bool { return false }
func keptOfGang(difference string) bool {
	return strings.HasPrefix(difference, "modelservings/") &&
		(strings.Contains(difference, ".spec.template.gangPolicy") || strings.Contains(difference, rig.RevisionLabel))
}

// unlike names what differs from what `render` prints; "" when the children are just those, in one of the shapes.
func (v view) unlike(shapes []childSet, isAllowed func(difference string) bool) string {
	seen := ""
	for _, expected := range shapes {
		if seen = v.unlikeOne(expected, isAllowed); seen == "" {
			return ""
		}
	}
	return seen
}

func (v view) unlikeOne(expected childSet, isAllowed func(string) bool) string {
	var texts []string
	for name, child := range expected {
		live := v.children[name]
		if live == nil {
			texts = append(texts, "missing "+name)
			continue
		}
		for _, lost := range missing(child.Object, live.Object, "") {
			if !v.isScaled(child, live, lost) && !isAllowed(name+lost) {
				texts = append(texts, name+lost)
			}
		}
	}
	for name, child := range v.children {
		if expected[name] == nil {
			texts = append(texts, fmt.Sprintf("left over %s (deleting: %t)", name, child.GetDeletionTimestamp() != nil))
		}
	}
	sort.Strings(texts)
	return strings.Join(texts, "; ")
}

// isScaled says whether a difference is but the number of replicas, which within a range belongs to an autoscaler: that of now, or that
// which a suspended one goes back to.
func (v view) isScaled(rendered, live *unstructured.Unstructured, difference string) bool {
	least, most, isRange := v.bounds(live)
	replicas, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	start, _, _ := unstructured.NestedInt64(rendered.Object, "spec", "replicas")
	if strings.HasPrefix(difference, ".metadata.annotations."+beforeSuspend+":") {
		replicas, start = noted(live, beforeSuspend), noted(rendered, beforeSuspend)
	} else if !strings.HasPrefix(difference, ".spec.replicas:") {
		return false
	}
	return isRange && start == least && replicas >= least && replicas <= most
}

const beforeSuspend = "workload.serving.volcano.sh/replicas-before-suspend"

func noted(o *unstructured.Unstructured, annotation string) int64 {
	number, _ := strconv.ParseInt(o.GetAnnotations()[annotation], 10, 64)
	return number
}

// bounds are minReplicas and maxReplicas of the backend that a ModelServing belongs to.
func (v view) bounds(serving *unstructured.Unstructured) (least, most int64, isRange bool) {
	spec := rig.Spec(v.booster)
	backends, _ := spec["backends"].([]any)
	if single, isSingle := spec["backend"]; isSingle {
		backends = append(backends, single)
	}
	for _, item := range backends {
		backend := item.(rig.Object)
		if serving.GetKind() == "ModelServing" && backend["name"] == serving.GetLabels()[rig.BackendLabel] {
			least, _ = backend["minReplicas"].(int64)
			most, _ = backend["maxReplicas"].(int64)
			return least, most, least < most
		}
	}
	return 0, 0, false
}

// truth is what the conditions of a ModelBooster should say.
type truth struct{ initialized, failed, reason string }

// untrue tells what is wrong with the conditions; "" for nothing. No backend reports that it is available, so none is Active.
func (v view) untrue(expected truth) string {
	generation := v.booster.GetGeneration()
	initialized, active, failed := rig.ConditionOf(v.booster, "Initialized"), rig.ConditionOf(v.booster, "Active"), rig.ConditionOf(v.booster, "Failed")
	for _, c := range []rig.Condition{initialized, active, failed} {
		if c.ObservedGeneration != generation {
			return fmt.Sprintf("%s is of generation %d, the ModelBooster of %d", c.Type, c.ObservedGeneration, generation)
		}
	}
	observed := rig.ObservedGeneration(v.booster)
	switch {
	case initialized.Status != expected.initialized || failed.Status != expected.failed || failed.Reason != expected.reason ||
		initialized.Status == "False" && initialized.Reason != expected.reason:
		return fmt.Sprintf("Initialized=%s %s (%s), Failed=%s %s (%s), expected %+v", initialized.Status, initialized.Reason, initialized.Message,
			failed.Status, failed.Reason, failed.Message, expected)
	case active.Status == "True":
		return "Active though no backend is"
	case (observed == generation) != (expected.initialized == "True"):
		return fmt.Sprintf("observedGeneration %d of %d, Initialized=%s", observed, generation, initialized.Status)
	}
	return ""
}

// moved tells whether children were made anew, written or deleted that should not have been, between two views with nothing but one edit
// between: "" when all is well. It counts the writes that explain the difference.
func (v view) moved(now view) (wrong string, writes int) {
	for name, before := range v.children {
		after := now.children[name]
		switch {
		case after == nil:
			writes++
			continue
		case after.GetUID() != before.GetUID():
			writes += 2
			if !isReplaced(before, after) {
				wrong = name + " was made anew"
			}
			continue
		case after.GetResourceVersion() != before.GetResourceVersion():
			writes++
		}
		expected := before.GetGeneration()
		if !reflect.DeepEqual(before.Object["spec"], after.Object["spec"]) {
			expected++
		}
		if after.GetGeneration() != expected {
			wrong = fmt.Sprintf("%s: generation %d after %d, for one change of its spec at most", name, after.GetGeneration(), before.GetGeneration())
		}
	}
	for name := range now.children {
		if v.children[name] == nil {
			writes++
		}
	}
	return wrong, writes
}

// isReplaced: a route whose modelName, which cannot change, is another.
func isReplaced(before, after *unstructured.Unstructured) bool {
	former, _, _ := unstructured.NestedString(before.Object, "spec", "modelName")
	latter, _, _ := unstructured.NestedString(after.Object, "spec", "modelName")
	return before.GetKind() == "ModelRoute" && former != latter
}

// unlikeView compares two views of the same spec: nothing but versions, times and counts may differ.
func (v view) unlikeView(now view) string {
	for name, before := range v.children {
		after := now.children[name]
		if after == nil {
			return "missing " + name
		}
		left, right := plain(v, before), plain(now, after)
		if !reflect.DeepEqual(left, right) {
			return name + " is another than before:\n" + mustMarshal(left) + "\n" + mustMarshal(right)
		}
	}
	if len(now.children) != len(v.children) {
		return fmt.Sprintf("%d children, before %d", len(now.children), len(v.children))
	}
	if left, right := backendNames(v.booster), backendNames(now.booster); !reflect.DeepEqual(left, right) {
		return fmt.Sprintf("backendStatuses of %v, before %v", right, left)
	}
	return ""
}

func backendNames(o *unstructured.Unstructured) (names []any) {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "backendStatuses")
	for _, item := range list {
		names = append(names, item.(rig.Object)["name"])
	}
	return names
}

func plain(v view, child *unstructured.Unstructured) rig.Object {
	copied := child.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(copied.Object, "metadata", field)
	}
	if _, _, isRange := v.bounds(child); isRange {
		unstructured.RemoveNestedField(copied.Object, "spec", "replicas")
	}
	return copied.Object
}

// still tells what has been written between two views that should be the same.
func (v view) still(now view) string {
	if v.booster.GetResourceVersion() != now.booster.GetResourceVersion() {
		return fmt.Sprintf("the ModelBooster was written: status %v, before %v", now.booster.Object["status"], v.booster.Object["status"])
	}
	for name, before := range v.children {
		if after := now.children[name]; after == nil || after.GetResourceVersion() != before.GetResourceVersion() {
			return name + " was written or deleted"
		}
	}
	if len(now.children) != len(v.children) {
		return fmt.Sprintf("%d children, before %d", len(now.children), len(v.children))
	}
	return ""
}

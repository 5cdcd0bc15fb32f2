package rig

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// State is every ModelBooster and child of the namespace as text, without what differs from run to
// run: uids (replaced by the owner's name), versions, times, the revision, which is a hash over the
// uid among others, and a child's generation, which counts the steps that led there.
func (r *Rig) State() map[string]string {
	r.T.Helper()
	state := map[string]string{}
	owners := map[string]string{}
	boosters := r.List(Boosters)
	for i := range boosters {
		owners[string(boosters[i].GetUID())] = boosters[i].GetName()
	}
	add := func(resource string, list []unstructured.Unstructured, isChild bool) {
		for i := range list {
			state[resource+"/"+list[i].GetName()] = r.normal(&list[i], owners, isChild)
		}
	}
	add(Boosters.Resource, boosters, false)
	for _, resource := range Children {
		add(resource.Resource, r.List(resource), true)
	}
	return state
}

var uidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func (r *Rig) normal(o *unstructured.Unstructured, owners map[string]string, isChild bool) string {
	o = o.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	if isChild {
		unstructured.RemoveNestedField(o.Object, "metadata", "generation")
		unstructured.RemoveNestedField(o.Object, "metadata", "labels", RevisionLabel)
	}
	conditions, found, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, condition := range conditions {
		delete(condition.(Object), "lastTransitionTime")
	}
	if found {
		_ = unstructured.SetNestedSlice(o.Object, conditions, "status", "conditions")
	}
	text, err := json.MarshalIndent(o.Object, "", "  ")
	if err != nil {
		r.T.Fatal(err)
	}
	return uidPattern.ReplaceAllStringFunc(string(text), func(uid string) string {
		if name, known := owners[uid]; known {
			return "<uid of " + name + ">"
		}
		return uid
	})
}

// CompareStates tells two states apart, at most a few objects in full.
func CompareStates(expected, actual map[string]string) string {
	var names []string
	for name := range expected {
		names = append(names, name)
	}
	for name := range actual {
		if _, both := expected[name]; !both {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var texts []string
	for _, name := range names {
		left, inLeft := expected[name]
		right, inRight := actual[name]
		switch {
		case !inRight:
			texts = append(texts, "missing: "+name)
		case !inLeft:
			texts = append(texts, "left over: "+name)
		case left != right:
			texts = append(texts, "different: "+name+"\n"+lineDifference(left, right))
		}
	}
	if len(texts) > 5 {
		texts = append(texts[:5], fmt.Sprintf("and %d more", len(texts)-5))
	}
	return strings.Join(texts, "\n")
}

// lineDifference shows the lines that are in one text only, in order.
func lineDifference(left, right string) string {
	count := map[string]int{}
	for _, line := range strings.Split(left, "\n") {
		count[line]++
	}
	for _, line := range strings.Split(right, "\n") {
		count[line]--
	}
	var text strings.Builder
	for _, side := range []struct {
		mark, text string
		sign       int
	}{{"- ", left, 1}, {"+ ", right, -1}} {
		for _, line := range strings.Split(side.text, "\n") {
			if count[line]*side.sign > 0 {
				text.WriteString("  " + side.mark + line + "\n")
			}
		}
	}
	return text.String()
}

package rig

import (
	"fmt"
	"sort"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Eventually polls until check returns "", which means satisfied; otherwise what it sees instead.
// It gives up after within, or at once when a controller that should run has ended.
func (r *Rig) Eventually(within time.Duration, what string, check func() string) {
	r.T.Helper()
	deadline := time.Now().Add(within)
	pause := 5 * time.Millisecond
	for {
		seen := check()
		if seen == "" {
			return
		}
		for _, controller := range r.controllers {
			if controller.dead() {
				r.T.Fatalf("waiting for %s: the controller ended: %v", what, controller.process.Err())
			}
		}
		if time.Now().After(deadline) {
			r.T.Fatalf("not within %s: %s\nseen: %s", within, what, seen)
		}
		time.Sleep(pause)
		pause = min(pause*2, 100*time.Millisecond)
	}
}

// Condition of a ModelBooster; zero when it is not there.
type Condition struct {
	Type, Status, Reason, Message, Since string
	ObservedGeneration                   int64
}

// ConditionOf reads a condition of any object.
func ConditionOf(o *unstructured.Unstructured, kind string) Condition {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(Object)
		if c["type"] != kind {
			continue
		}
		text := func(key string) string { value, _ := c[key].(string); return value }
		observed, _ := c["observedGeneration"].(int64)
		return Condition{kind, text("status"), text("reason"), text("message"), text("lastTransitionTime"), observed}
	}
	return Condition{Type: kind}
}

// ObservedGeneration is status.observedGeneration, 0 when absent.
func ObservedGeneration(o *unstructured.Unstructured) int64 {
	observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	return observed
}

// AwaitCondition waits until the condition has the status (and, unless "", the reason) for the current generation.
func (r *Rig) AwaitCondition(name, kind, status, reason string) *unstructured.Unstructured {
	r.T.Helper()
	return r.AwaitConditionWithin(Patience, name, kind, status, reason)
}

// AwaitConditionWithin is AwaitCondition with a deadline of its own.
func (r *Rig) AwaitConditionWithin(within time.Duration, name, kind, status, reason string) *unstructured.Unstructured {
	r.T.Helper()
	var last *unstructured.Unstructured
	r.Eventually(within, fmt.Sprintf("%s: %s=%s %s", name, kind, status, reason), func() string {
		last = r.Get(Boosters, name)
		condition := ConditionOf(last, kind)
		if condition.Status == status && (reason == "" || condition.Reason == reason) && condition.ObservedGeneration == last.GetGeneration() {
			return ""
		}
		return fmt.Sprintf("generation %d, status %v", last.GetGeneration(), last.Object["status"])
	})
	return last
}

// AwaitInitialized waits until the current generation is Initialized and observed, and checks that
// exactly the expected children of this ModelBooster exist.
func (r *Rig) AwaitInitialized(name string) *unstructured.Unstructured {
	r.T.Helper()
	o := r.AwaitCondition(name, "Initialized", "True", "")
	if ObservedGeneration(o) != o.GetGeneration() {
		r.T.Fatalf("%s: Initialized at generation %d, observedGeneration %d", name, o.GetGeneration(), ObservedGeneration(o))
	}
	return o
}

// AwaitChildren waits until the namespace holds exactly the children of these ModelBoosters.
func (r *Rig) AwaitChildren(boosters ...*unstructured.Unstructured) {
	r.T.Helper()
	expected := map[string]bool{}
	for _, o := range boosters {
		for name := range ExpectedChildren(o) {
			expected[name] = true
		}
	}
	r.Eventually(Patience, "exactly the expected children", func() string {
		return Difference(expected, r.Present())
	})
}

// Difference tells two sets of names apart; "" when they are equal.
func Difference(expected, present map[string]bool) string {
	var texts []string
	for name := range expected {
		if !present[name] {
			texts = append(texts, "missing "+name)
		}
	}
	for name := range present {
		if !expected[name] {
			texts = append(texts, "left over "+name)
		}
	}
	sort.Strings(texts)
	return strings.Join(texts, ", ")
}

// AwaitGone waits until an object is not there any more.
func (r *Rig) AwaitGone(resource schema.GroupVersionResource, name string) {
	r.T.Helper()
	r.Eventually(Patience, resource.Resource+"/"+name+" gone", func() string {
		o, err := r.In(resource).Get(r.Context, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return ""
		case err != nil:
			return err.Error()
		}
		return fmt.Sprintf("still there, metadata %v", o.Object["metadata"])
	})
}

// Versions records every version of the objects of a resource that a watch shows.
type Versions struct {
	watch watch.Interface
	seen  chan *unstructured.Unstructured
}

// Record starts recording; the state at the start is not part of it.
func (r *Rig) Record(resource schema.GroupVersionResource) *Versions {
	r.T.Helper()
	list, err := r.In(resource).List(r.Context, metav1.ListOptions{Limit: 1})
	if err != nil {
		r.T.Fatal(err)
	}
	w, err := r.In(resource).Watch(r.Context, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		r.T.Fatal(err)
	}
	v := &Versions{w, make(chan *unstructured.Unstructured, 100_000)}
	go func() {
		defer close(v.seen)
		for event := range w.ResultChan() {
			if o, ok := event.Object.(*unstructured.Unstructured); ok && event.Type != watch.Bookmark {
				v.seen <- o
			}
		}
	}()
	return v
}

// Until stops the recording once it has seen the given object's version, and returns all versions up to it.
func (v *Versions) Until(r *Rig, last *unstructured.Unstructured) []*unstructured.Unstructured {
	r.T.Helper()
	defer v.watch.Stop()
	var versions []*unstructured.Unstructured
	deadline := time.After(Patience)
	for {
		select {
		case o, open := <-v.seen:
			if !open {
				r.T.Fatal("the watch of the test ended early")
			}
			versions = append(versions, o)
			if o.GetUID() == last.GetUID() && o.GetResourceVersion() == last.GetResourceVersion() {
				return versions
			}
		case <-deadline:
			r.T.Fatalf("the watch of the test did not show version %s of %s", last.GetResourceVersion(), last.GetName())
		}
	}
}

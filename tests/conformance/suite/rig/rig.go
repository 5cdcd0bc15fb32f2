// Package rig gives each test its own corner of one cluster: a namespace, a user with the shipped
// role, and controllers that run as this user and watch this namespace only. So tests run side by
// side, and every request in the audit log belongs to one test.
package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"model-booster.local/conformance/cluster"
)

// Patience is how long a test waits for anything that should happen within a second or two.
const Patience = 60 * time.Second

var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// Rig is one test's corner.
type Rig struct {
	T         testing.TB
	Settings  Settings
	Cluster   *cluster.Cluster
	Namespace string
	User      cluster.User
	Context   context.Context
	Client    dynamic.Interface // the administrator's

	folder      string
	controllers []*Controller
	users       []cluster.User // all that controllers of this test run as
	namespaces  []string       // further ones that they watch by name
	bindings    []string       // of cluster roles, by name
	forbidden   bool           // the test takes rights away: 403 is expected
}

var corners atomic.Int64

// New makes the corner and binds the shipped role to its user. It is taken down with the test.
func New(t testing.TB, c *cluster.Cluster, s Settings) *Rig {
	t.Helper()
	r := Bare(t, c, s)
	r.bindUser(r.ShippedRules(), r.User)
	return r
}

// Bare is New without any rights for the user.
func Bare(t testing.TB, c *cluster.Cluster, s Settings) *Rig {
	t.Helper()
	if time.Now().After(s.Deadline) {
		t.Skip("skipped: the time budget (MB_BUDGET_MINUTES) is spent")
	}
	if err := c.Alive(); err != nil {
		t.Fatal(err)
	}
	user, err := c.NewUser()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Rig{T: t, Settings: s, Cluster: c, User: user, users: []cluster.User{user}, Context: ctx, Client: c.Dynamic(), folder: t.TempDir(),
		Namespace: fmt.Sprintf("corner-%d-%d", time.Now().Unix(), corners.Add(1))}
	o := &unstructured.Unstructured{Object: Object{"apiVersion": "v1", "kind": "Namespace"}}
	o.SetName(r.Namespace)
	r.must(r.Client.Resource(namespaces).Create(ctx, o, metav1.CreateOptions{}))
	t.Cleanup(func() {
		r.finish()
		cancel()
	})
	return r
}

func (r *Rig) finish() {
	for _, controller := range r.controllers {
		controller.finish()
	}
	if !r.forbidden && r.Cluster.Audit != nil {
		for _, user := range r.users {
			for _, request := range r.RequestsOf(user) {
				if r.lacksRight(request) {
					r.T.Errorf("the shipped role does not allow %s %s (%s): %s", request.Verb, request.Kind(), request.URI, request.Message)
				}
			}
		}
	}
	if r.T.Failed() && !r.Cluster.External {
		if err := r.Cluster.Alive(); err != nil {
			r.T.Error(err)
		}
	}
	for _, name := range r.bindings {
		_ = r.Client.Resource(clusterBindings).Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = r.Client.Resource(clusterRoles).Delete(context.Background(), name, metav1.DeleteOptions{})
	}
	_ = r.Client.Resource(namespaces).Delete(context.Background(), r.Namespace, metav1.DeleteOptions{})
}

// lacksRight says whether a request was refused for want of a right: not by a definition or a namespace that goes, be it of another test
// whose objects a controller of all namespaces sees, nor by an API server that has just started and knows no role yet.
func (r *Rig) lacksRight(request cluster.Request) bool {
	isGoing := strings.Contains(request.Message, "because it is being terminated") || strings.Contains(request.Message, "custom resource definition is terminating")
	isNotKnownYet := strings.Contains(request.Message, "cannot find RESTMapping") // see cluster.OwnersPlugin
	isOurs := request.Namespace == "" || request.Namespace == "default" || request.Namespace == r.Namespace || slices.Contains(r.namespaces, request.Namespace)
	return request.Code == 403 && isOurs && !isGoing && !isNotKnownYet && !r.Cluster.Warming(request.Received)
}

func (r *Rig) must(o *unstructured.Unstructured, err error) *unstructured.Unstructured {
	r.T.Helper()
	if err != nil {
		r.T.Fatal(err)
	}
	return o
}

// In is the administrator's client for a resource in the test's namespace.
func (r *Rig) In(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return r.Client.Resource(resource).Namespace(r.Namespace)
}

// Create creates an object of a known kind and returns it as stored.
func (r *Rig) Create(o *unstructured.Unstructured) *unstructured.Unstructured {
	r.T.Helper()
	resource, found := ResourceOf(o)
	if !found {
		r.T.Fatalf("no resource known for kind %s", o.GetKind())
	}
	return r.must(r.In(resource).Create(r.Context, o, metav1.CreateOptions{FieldValidation: "Strict"}))
}

// Get reads an object that must be there.
func (r *Rig) Get(resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	r.T.Helper()
	return r.must(r.In(resource).Get(r.Context, name, metav1.GetOptions{}))
}

// Find reads an object, or nil when it is not there.
func (r *Rig) Find(resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	r.T.Helper()
	o, err := r.In(resource).Get(r.Context, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return r.must(o, err)
}

// List reads all objects of a resource in the namespace.
func (r *Rig) List(resource schema.GroupVersionResource) []unstructured.Unstructured {
	r.T.Helper()
	list, err := r.In(resource).List(r.Context, metav1.ListOptions{})
	if err != nil {
		r.T.Fatal(err)
	}
	return list.Items
}

// Edit reads, changes and writes until no other writer came between.
func (r *Rig) Edit(resource schema.GroupVersionResource, name string, change func(o *unstructured.Unstructured)) *unstructured.Unstructured {
	r.T.Helper()
	for {
		o := r.Get(resource, name)
		change(o)
		written, err := r.In(resource).Update(r.Context, o, metav1.UpdateOptions{FieldValidation: "Strict"})
		if !apierrors.IsConflict(err) {
			return r.must(written, err)
		}
	}
}

// EditSpec is Edit of a ModelBooster's spec.
func (r *Rig) EditSpec(name string, change func(spec Object)) *unstructured.Unstructured {
	r.T.Helper()
	return r.Edit(Boosters, name, func(o *unstructured.Unstructured) { change(Spec(o)) })
}

// Patch sends a JSON merge patch as the named manager.
func (r *Rig) Patch(resource schema.GroupVersionResource, name, manager string, patch Object, subresources ...string) *unstructured.Unstructured {
	r.T.Helper()
	data, err := json.Marshal(patch)
	if err != nil {
		r.T.Fatal(err)
	}
	return r.must(r.In(resource).Patch(r.Context, name, types.MergePatchType, data, metav1.PatchOptions{FieldManager: manager}, subresources...))
}

// Delete deletes an object with the given propagation policy.
func (r *Rig) Delete(resource schema.GroupVersionResource, name string, policy metav1.DeletionPropagation) {
	r.T.Helper()
	if err := r.In(resource).Delete(r.Context, name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		r.T.Fatal(err)
	}
}

// Present names every child in the namespace that is not being deleted: "modelservings/demo-a".
func (r *Rig) Present() map[string]bool {
	r.T.Helper()
	present := map[string]bool{}
	for _, resource := range Children {
		list, err := r.In(resource).List(r.Context, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			continue // the definition is not installed
		}
		if err != nil {
			r.T.Fatal(err)
		}
		for i := range list.Items {
			if list.Items[i].GetDeletionTimestamp() == nil {
				present[resource.Resource+"/"+list.Items[i].GetName()] = true
			}
		}
	}
	return present
}

// Event texts about a ModelBooster: "reason: message".
func (r *Rig) Events(name string) []string {
	r.T.Helper()
	var texts []string
	for _, event := range r.List(schema.GroupVersionResource{Version: "v1", Resource: "events"}) {
		about, _, _ := unstructured.NestedString(event.Object, "involvedObject", "name")
		reason, _, _ := unstructured.NestedString(event.Object, "reason")
		message, _, _ := unstructured.NestedString(event.Object, "message")
		if about == name {
			texts = append(texts, reason+": "+message)
		}
	}
	return texts
}

// TryCreate creates an object and repeats while the API server is away or overloaded.
func (r *Rig) TryCreate(o *unstructured.Unstructured) error {
	resource, found := ResourceOf(o)
	if !found {
		return fmt.Errorf("no resource known for kind %s", o.GetKind())
	}
	return r.Persist(func() error {
		_, err := r.In(resource).Create(r.Context, o, metav1.CreateOptions{FieldValidation: "Strict"})
		if apierrors.IsAlreadyExists(err) {
			return nil // an earlier try whose answer was lost
		}
		return err
	})
}

// TryEdit changes an object and repeats while the API server is away; the change must be the same when made twice.
func (r *Rig) TryEdit(resource schema.GroupVersionResource, name string, change func(o *unstructured.Unstructured)) error {
	return r.Persist(func() error {
		o, err := r.In(resource).Get(r.Context, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(o)
		_, err = r.In(resource).Update(r.Context, o, metav1.UpdateOptions{FieldValidation: "Strict"})
		return err
	})
}

// TryDelete deletes an object and repeats while the API server is away.
func (r *Rig) TryDelete(resource schema.GroupVersionResource, name string) error {
	return r.Persist(func() error {
		policy := metav1.DeletePropagationBackground
		err := r.In(resource).Delete(r.Context, name, metav1.DeleteOptions{PropagationPolicy: &policy})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// TryList reads all objects of a resource in the namespace.
func (r *Rig) TryList(resource schema.GroupVersionResource) ([]unstructured.Unstructured, error) {
	list, err := r.In(resource).List(r.Context, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// TryListOf reads the objects of a resource that a label selector selects.
func (r *Rig) TryListOf(resource schema.GroupVersionResource, selector string) ([]unstructured.Unstructured, error) {
	list, err := r.In(resource).List(r.Context, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Persist repeats what fails for a reason that passes.
func (r *Rig) Persist(do func() error) error {
	deadline := time.Now().Add(2 * Patience)
	for {
		err := do()
		if err == nil || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var errStillThere = fmt.Errorf("still there")

// TryGone waits until an object is gone, however often the API server is away meanwhile.
func (r *Rig) TryGone(resource schema.GroupVersionResource, name string) error {
	err := r.Persist(func() error {
		_, err := r.In(resource).Get(r.Context, name, metav1.GetOptions{})
		if err == nil {
			err = errStillThere
		}
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

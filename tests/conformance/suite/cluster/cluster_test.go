package cluster

import (
	"context"
	"os"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const widget = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.conformance.example}
spec:
  group: conformance.example
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`

// The servers themselves: definitions, users, audit log, garbage collection, kill and restart,
// compaction. Everything the suite builds on, without a controller of ours.
func TestServers(t *testing.T) {
	options := Options{Binary: os.Getenv("MB_KUBERNETES"), Dir: t.TempDir(), Users: 2, Audit: true}
	if os.Getenv("MB_SERVER") == "embedded" {
		options.Embedded = os.Getenv("MODEL_BOOSTER")
	}
	if options.Binary == "" && options.Embedded == "" {
		t.Skip("MB_KUBERNETES does not name the server binary; tests/conformance/setup.sh builds it")
	}
	c, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	documents, err := ParseDocuments([]byte(widget), "widget")
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := c.Install(ctx, documents...)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("install: %v, warnings %q", err, warnings)
	}
	if err := c.StartManager(); err != nil {
		t.Fatal(err)
	}
	widgets := schema.GroupVersionResource{Group: "conformance.example", Version: "v1", Resource: "widgets"}
	user, err := c.NewUser()
	if err != nil {
		t.Fatal(err)
	}
	stranger := dynamic.NewForConfigOrDie(c.ConfigOf(user)).Resource(widgets).Namespace("default")
	if _, err := stranger.Get(ctx, "none", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("a user without rights was answered %v", err)
	}
	requests := c.Audit.Requests(user.Name)
	if len(requests) != 1 || requests[0].Verb != "get" || requests[0].Code != 403 || requests[0].Name != "none" {
		t.Fatalf("audit log: %+v", requests)
	}

	admin := c.Dynamic().Resource(widgets).Namespace("default")
	parent, err := admin.Create(ctx, object("conformance.example/v1", "Widget", "default", "parent"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	child := object("conformance.example/v1", "Widget", "default", "child")
	child.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: "conformance.example/v1", Kind: "Widget", Name: "parent", UID: parent.GetUID()}})
	if _, err := admin.Create(ctx, child, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.KillAPIServer()
	if err := c.Compact(); err != nil {
		t.Fatal(err)
	}
	if err := c.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := admin.Delete(ctx, "parent", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, ctx, func() (*unstructured.Unstructured, error) { return admin.Get(ctx, "child", metav1.GetOptions{}) })
	if err := c.Alive(); err != nil {
		t.Fatal(err)
	}
}

func awaitGone(t *testing.T, ctx context.Context, read func() (*unstructured.Unstructured, error)) {
	t.Helper()
	for {
		if _, err := read(); apierrors.IsNotFound(err) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the garbage collector did not remove the child")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// Definitions is the resource of CustomResourceDefinitions.
var Definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// ReadDocuments reads every YAML document of a file.
func ReadDocuments(path string) ([]*unstructured.Unstructured, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseDocuments(data, path)
}

// ParseDocuments reads YAML documents divided by lines of three dashes; path is for messages.
func ParseDocuments(data []byte, path string) ([]*unstructured.Unstructured, error) {
	var documents []*unstructured.Unstructured
	for _, text := range splitDocuments(string(data)) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(o.Object) > 0 {
			documents = append(documents, o)
		}
	}
	return documents, nil
}

func splitDocuments(text string) []string {
	var documents []string
	var current strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		if trimmed := strings.TrimRight(line, " \r\n"); trimmed == "---" || strings.HasPrefix(line, "--- ") {
			documents = append(documents, current.String())
			current.Reset()
			continue
		}
		current.WriteString(line)
	}
	return append(documents, current.String())
}

// ReadDefinitions reads the CustomResourceDefinitions of a folder, in the order of their files.
func ReadDefinitions(folder string) ([]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	var definitions []*unstructured.Unstructured
	for _, path := range paths {
		documents, err := ReadDocuments(path)
		if err != nil {
			return nil, err
		}
		for _, document := range documents {
			if document.GetKind() == "CustomResourceDefinition" {
				definitions = append(definitions, document)
			}
		}
	}
	if len(definitions) == 0 {
		return nil, fmt.Errorf("%s holds no CustomResourceDefinition", folder)
	}
	return definitions, nil
}

// Warnings collects the warning headers of a client's answers.
type Warnings struct{ Texts []string }

// HandleWarningHeader implements rest.WarningHandler.
func (w *Warnings) HandleWarningHeader(code int, _ string, text string) {
	if code == 299 && text != "" {
		w.Texts = append(w.Texts, text)
	}
}

var _ rest.WarningHandler = &Warnings{}

// Install creates or replaces definitions and waits until each is served. It returns what the
// API server warned of.
func (c *Cluster) Install(ctx context.Context, definitions ...*unstructured.Unstructured) ([]string, error) {
	warnings := &Warnings{}
	config := c.Config()
	config.WarningHandler = warnings
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	for _, definition := range definitions {
		if err := put(ctx, client, definition.DeepCopy()); err != nil {
			return nil, fmt.Errorf("install %s: %w", definition.GetName(), err)
		}
	}
	for _, definition := range definitions {
		if err := c.awaitServed(ctx, client, definition); err != nil {
			return nil, err
		}
	}
	return warnings.Texts, nil
}

func put(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	resource := client.Resource(Definitions)
	for {
		_, err := resource.Create(ctx, definition, metav1.CreateOptions{FieldValidation: "Strict"})
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		present, err := resource.Get(ctx, definition.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		update := definition.DeepCopy()
		update.SetResourceVersion(present.GetResourceVersion())
		_, err = resource.Update(ctx, update, metav1.UpdateOptions{FieldValidation: "Strict"})
		if !apierrors.IsConflict(err) {
			return err
		}
	}
}

// Served is the resource that a definition brings.
func Served(definition *unstructured.Unstructured) schema.GroupVersionResource {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	version, _ := versions[0].(map[string]any)["name"].(string)
	return schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
}

func (c *Cluster) awaitServed(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		_, err := client.Resource(Served(definition)).List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not served: %w", definition.GetName(), errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Remove deletes a definition, with every object of it, and waits until it is gone.
func (c *Cluster) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client := c.Dynamic().Resource(Definitions)
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	for {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not go: %w", name, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

package rig

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Object is a JSON object.
type Object = map[string]any

// NewBooster is a ModelBooster in the dialect that every definition set knows.
func NewBooster(name string, backends ...Object) *unstructured.Unstructured {
	list := make([]any, len(backends))
	for i, backend := range backends {
		list[i] = backend
	}
	o := &unstructured.Unstructured{Object: Object{
		"apiVersion": workloadGroup + "/" + version, "kind": "ModelBooster", "spec": Object{"backends": list},
	}}
	o.SetName(name)
	return o
}

// Spec is the object's spec, to be changed in place.
func Spec(o *unstructured.Unstructured) Object { return o.Object["spec"].(Object) }

// Backend is a vLLM backend with one replica, changed by the edits.
func Backend(name string, edits ...func(Object)) Object {
	backend := Object{
		"name": name, "type": "vLLM", "modelURI": "hf://example/" + name, "cacheURI": "hostpath:///var/cache/models",
		"minReplicas": int64(1), "maxReplicas": int64(1),
		"workers": []any{Object{"type": "server", "image": "registry.example/vllm:1", "replicas": int64(1), "pods": int64(1)}},
	}
	for _, edit := range edits {
		edit(backend)
	}
	return backend
}

// Weight sets routeWeight.
func Weight(weight int64) func(Object) { return func(b Object) { b["routeWeight"] = weight } }

// Replicas sets the bounds.
func Replicas(least, most int64) func(Object) {
	return func(b Object) { b["minReplicas"], b["maxReplicas"] = least, most }
}

// Image sets the image of the first worker.
func Image(image string) func(Object) {
	return func(b Object) { b["workers"].([]any)[0].(Object)["image"] = image }
}

// Scaled gives the backend a policy of its own.
func Scaled(b Object) { b["autoscalingPolicy"] = Policy() }

// Cost sets scalingCost, which a policy at model level asks of every backend.
func Cost(cost int64) func(Object) { return func(b Object) { b["scalingCost"] = cost } }

// Adapter adds a LoRA adapter.
func Adapter(name string) func(Object) {
	return func(b Object) {
		list, _ := b["loraAdapters"].([]any)
		b["loraAdapters"] = append(list, Object{"name": name, "artifactURL": "hf://example/" + name})
	}
}

// Policy is an autoscaling policy with one metric.
func Policy() Object {
	return Object{"metrics": []any{Object{"metricName": "vllm:num_requests_waiting", "targetValue": "10"}}}
}

// BackendOf finds a backend of a spec by name, to be changed in place.
func BackendOf(spec Object, name string) Object {
	for _, item := range spec["backends"].([]any) {
		if backend := item.(Object); backend["name"] == name {
			return backend
		}
	}
	return nil
}

// AddBackend appends a backend.
func AddBackend(spec Object, backend Object) {
	spec["backends"] = append(spec["backends"].([]any), backend)
}

// RemoveBackend drops a backend by name.
func RemoveBackend(spec Object, name string) {
	var rest []any
	for _, item := range spec["backends"].([]any) {
		if item.(Object)["name"] != name {
			rest = append(rest, item)
		}
	}
	spec["backends"] = rest
}

// ExpectedChildren names what a ModelBooster leads to: "modelservings/demo-a" and so on.
func ExpectedChildren(o *unstructured.Unstructured) map[string]bool {
	expected := map[string]bool{}
	spec, model := Spec(o), o.GetName()
	expected["modelroutes/"+model] = true
	if spec["autoscalingPolicy"] != nil {
		expected["autoscalingpolicies/"+model], expected["autoscalingpolicybindings/"+model] = true, true
	}
	for _, item := range spec["backends"].([]any) {
		backend := item.(Object)
		name := model + "-" + backend["name"].(string)
		expected["modelservings/"+name], expected["modelservers/"+name] = true, true
		if backend["autoscalingPolicy"] != nil {
			expected["autoscalingpolicies/"+name], expected["autoscalingpolicybindings/"+name] = true, true
		}
	}
	return expected
}

package rig

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Report plays the ModelServing controller: it sets the status of a ModelServing for its current generation.
func (r *Rig) Report(name string, available bool, reason, message string) *unstructured.Unstructured {
	r.T.Helper()
	serving := r.Get(Servings, name)
	return r.Patch(Servings, name, "serving-controller", Object{"status": servingStatus(serving, available, reason, message)}, "status")
}

// AvailableStatus is what a ModelServing controller says of a ModelServing all of whose groups are ready.
func AvailableStatus(serving *unstructured.Unstructured) Object {
	return servingStatus(serving, true, "AllGroupsReady", "all groups are ready")
}

func servingStatus(serving *unstructured.Unstructured, available bool, reason, message string) Object {
	replicas, _, _ := unstructured.NestedInt64(serving.Object, "spec", "replicas")
	status, ready := "False", int64(0)
	if available {
		status, ready = "True", replicas
	}
	return Object{
		"observedGeneration": serving.GetGeneration(), "replicas": replicas, "availableReplicas": ready,
		"currentReplicas": replicas, "updatedReplicas": replicas,
		"conditions": []any{Object{"type": "Available", "status": status, "reason": reason, "message": message,
			"observedGeneration": serving.GetGeneration(), "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}},
	}
}

// ReportAvailable reports every ModelServing of the namespace as available.
func (r *Rig) ReportAvailable() {
	r.T.Helper()
	for _, serving := range r.List(Servings) {
		r.Report(serving.GetName(), true, "AllGroupsReady", "all groups are ready")
	}
}

// EngineImage is the image of a ModelServing's engine container, and DownloadImage that of its downloader.
func EngineImage(serving *unstructured.Unstructured) string {
	return containerImage(serving, "containers", "engine")
}

// DownloadImage is the image of the first init container.
func DownloadImage(serving *unstructured.Unstructured) string {
	return containerImage(serving, "initContainers", "model-downloader")
}

func containerImage(serving *unstructured.Unstructured, list, name string) string {
	roles, _, _ := unstructured.NestedSlice(serving.Object, "spec", "template", "roles")
	for _, role := range roles {
		containers, _, _ := unstructured.NestedSlice(role.(Object), "entryTemplate", "spec", list)
		for _, item := range containers {
			if container := item.(Object); container["name"] == name {
				image, _ := container["image"].(string)
				return image
			}
		}
	}
	return ""
}

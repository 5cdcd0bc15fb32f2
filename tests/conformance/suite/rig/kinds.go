package rig

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	workloadGroup   = "workload.serving.volcano.sh"
	networkingGroup = "networking.serving.volcano.sh"
	version         = "v1alpha1"
)

// The resources the controller knows.
var (
	Boosters = schema.GroupVersionResource{Group: workloadGroup, Version: version, Resource: "modelboosters"}
	Servings = schema.GroupVersionResource{Group: workloadGroup, Version: version, Resource: "modelservings"}
	Servers  = schema.GroupVersionResource{Group: networkingGroup, Version: version, Resource: "modelservers"}
	Routes   = schema.GroupVersionResource{Group: networkingGroup, Version: version, Resource: "modelroutes"}
	Policies = schema.GroupVersionResource{Group: workloadGroup, Version: version, Resource: "autoscalingpolicies"}
	Bindings = schema.GroupVersionResource{Group: workloadGroup, Version: version, Resource: "autoscalingpolicybindings"}
)

// Children lists the child resources in the order in which they are written.
var Children = []schema.GroupVersionResource{Servings, Servers, Policies, Bindings, Routes}

var resourceOfKind = map[string]schema.GroupVersionResource{
	"ModelBooster": Boosters, "ModelServing": Servings, "ModelServer": Servers, "ModelRoute": Routes,
	"AutoscalingPolicy": Policies, "AutoscalingPolicyBinding": Bindings,
}

// ResourceOf is the resource that an object belongs to.
func ResourceOf(o *unstructured.Unstructured) (schema.GroupVersionResource, bool) {
	resource, found := resourceOfKind[o.GetKind()]
	return resource, found
}

// KindOf is the kind of a resource.
func KindOf(resource schema.GroupVersionResource) string {
	for kind, known := range resourceOfKind {
		if known == resource {
			return kind
		}
	}
	return resource.Resource
}

// Definition is the name of the definition that brings a resource.
func Definition(resource schema.GroupVersionResource) string {
	return resource.Resource + "." + resource.Group
}

// Labels and annotations of the specification.
const (
	ModelLabel    = workloadGroup + "/model-name"
	BackendLabel  = workloadGroup + "/backend-name"
	ManagedLabel  = workloadGroup + "/managed-by"
	RevisionLabel = workloadGroup + "/revision"
	UIDLabel      = workloadGroup + "/model-uid"

	UpgradeAnnotation  = workloadGroup + "/upgrade"
	RecreateAnnotation = workloadGroup + "/allow-recreate"
)

package rig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"model-booster.local/conformance/cluster"
)

// Rules are what deploy/rbac.yaml grants: cluster-wide, and in the controller's own namespace.
type Rules struct {
	Everywhere []any
	Own        []any
}

var (
	clusterRoles    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	clusterBindings = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}
	roles           = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	accessReviews   = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
	roleBindings    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
)

// ShippedRules reads deploy/rbac.yaml.
func (r *Rig) ShippedRules() Rules {
	r.T.Helper()
	documents, err := cluster.ReadDocuments(filepath.Join(r.Settings.Root, "deploy", "rbac.yaml"))
	if err != nil {
		r.T.Fatal(err)
	}
	var rules Rules
	for _, document := range documents {
		list, _, _ := unstructured.NestedSlice(document.Object, "rules")
		switch document.GetKind() {
		case "ClusterRole":
			rules.Everywhere = append(rules.Everywhere, list...)
		case "Role":
			rules.Own = append(rules.Own, list...)
		}
	}
	if len(rules.Everywhere) == 0 {
		r.T.Fatal("deploy/rbac.yaml holds no ClusterRole with rules")
	}
	return rules
}

// Grant is one verb on one resource.
type Grant struct {
	Group, Resource, Verb string
	Names                 string // resourceNames, joined by commas; "" for all
	Own                   bool   // in the controller's own namespace only
}

func (g Grant) String() string {
	where := ""
	if g.Own {
		where = " in its own namespace"
	}
	return g.Verb + " " + g.Resource + where
}

// MissedBy says whether a request was refused for want of this grant.
func (g Grant) MissedBy(request cluster.Request) bool {
	if request.Code != 403 {
		return false
	}
	// Checked on the way of a create or a patch, not as a request of its own.
	if g.Resource == "modelboosters/finalizers" {
		return strings.Contains(request.Message, "set finalizers on")
	}
	return request.Verb == g.Verb && request.Group == g.Group && request.Kind() == g.Resource
}

// Grants takes the rules apart.
func (rules Rules) Grants() []Grant {
	var grants []Grant
	for _, part := range []struct {
		list []any
		own  bool
	}{{rules.Everywhere, false}, {rules.Own, true}} {
		for _, item := range part.list {
			rule := item.(Object)
			for _, group := range texts(rule["apiGroups"]) {
				for _, resource := range texts(rule["resources"]) {
					for _, verb := range texts(rule["verbs"]) {
						names := strings.Join(texts(rule["resourceNames"]), ",")
						grants = append(grants, Grant{group, resource, verb, names, part.own})
					}
				}
			}
		}
	}
	return grants
}

// Without is the rules with one grant taken away; every other grant stays.
func (rules Rules) Without(taken Grant) Rules {
	var rest Rules
	for _, grant := range rules.Grants() {
		if grant == taken {
			continue
		}
		rule := Object{"apiGroups": []any{grant.Group}, "resources": []any{grant.Resource}, "verbs": []any{grant.Verb}}
		if grant.Names != "" {
			var names []any
			for _, name := range strings.Split(grant.Names, ",") {
				names = append(names, name)
			}
			rule["resourceNames"] = names
		}
		if grant.Own {
			rest.Own = append(rest.Own, rule)
		} else {
			rest.Everywhere = append(rest.Everywhere, rule)
		}
	}
	return rest
}

func texts(list any) []string {
	items, _ := list.([]any)
	var result []string
	for _, item := range items {
		if text, ok := item.(string); ok {
			result = append(result, text)
		}
	}
	return result
}

// GrantRules gives the test's user these rules in place of those it has.
func (r *Rig) GrantRules(rules Rules) {
	r.T.Helper()
	r.forbidden = true
	r.bindUser(rules, r.User)
}

// awaitRules waits until the API server, which learns of roles by a watch, goes by them: the last grant of each kind is
// there, and what was shipped and is not granted is not there any more.
func (r *Rig) awaitRules(rules Rules, user cluster.User) {
	r.T.Helper()
	wanted := map[Grant]bool{}
	for _, part := range []Rules{{Everywhere: rules.Everywhere}, {Own: rules.Own}} {
		if grants := part.Grants(); len(grants) > 0 {
			wanted[grants[len(grants)-1]] = true
		}
	}
	given := rules.Grants()
	for _, grant := range r.ShippedRules().Grants() {
		if !slices.Contains(given, grant) {
			wanted[grant] = false
		}
	}
	for grant, isWanted := range wanted {
		r.Eventually(Patience, fmt.Sprintf("%s allowed: %t", grant, isWanted), func() string {
			if r.may(user, grant) != isWanted {
				return "the roles before"
			}
			return ""
		})
	}
}

// may asks the API server whether it would allow this.
func (r *Rig) may(user cluster.User, grant Grant) bool {
	r.T.Helper()
	resource, subresource, _ := strings.Cut(grant.Resource, "/")
	attributes := Object{"group": grant.Group, "resource": resource, "subresource": subresource, "verb": grant.Verb, "namespace": r.Namespace,
		"name": grant.Names}
	question := &unstructured.Unstructured{Object: Object{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"spec": Object{"user": user.Name, "resourceAttributes": attributes}}}
	answer := r.must(r.Client.Resource(accessReviews).Create(r.Context, question, metav1.CreateOptions{}))
	allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed
}

// bindUser makes the roles, or changes them when they are there, and waits until they count.
func (r *Rig) bindUser(rules Rules, user cluster.User) {
	r.T.Helper()
	name := "conformance-" + strings.NewReplacer(":", "-", "/", "-").Replace(user.Name)
	role := func(kind, namespace string, list []any) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: Object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "rules": list}}
		o.SetName(name)
		o.SetNamespace(namespace)
		return o
	}
	binding := func(kind, roleKind, namespace string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: Object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
			"roleRef":  Object{"apiGroup": "rbac.authorization.k8s.io", "kind": roleKind, "name": name},
			"subjects": []any{Object{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.Name}}}}
		o.SetName(name)
		o.SetNamespace(namespace)
		return o
	}
	r.put(clusterRoles, "", role("ClusterRole", "", rules.Everywhere))
	r.put(clusterBindings, "", binding("ClusterRoleBinding", "ClusterRole", ""))
	if len(rules.Own) > 0 {
		r.put(roles, r.Namespace, role("Role", r.Namespace, rules.Own))
		r.put(roleBindings, r.Namespace, binding("RoleBinding", "Role", r.Namespace))
	}
	r.bindings = append(r.bindings, name)
	r.awaitRules(rules, user)
}

func (r *Rig) put(resource schema.GroupVersionResource, namespace string, o *unstructured.Unstructured) {
	r.T.Helper()
	client := r.Client.Resource(resource).Namespace(namespace)
	if _, err := client.Create(r.Context, o, metav1.CreateOptions{}); err == nil || !apierrors.IsAlreadyExists(err) {
		r.must(o, err)
		return
	}
	present := r.must(client.Get(r.Context, o.GetName(), metav1.GetOptions{}))
	o.SetResourceVersion(present.GetResourceVersion())
	r.must(client.Update(r.Context, o, metav1.UpdateOptions{}))
}

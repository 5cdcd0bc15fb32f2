package conformance

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// question is what the API server asks a webhook: may this user write this object?
type question struct {
	UID, Operation string
	Object         rig.Object
	Resource       struct{ Group, Version, Resource string }
	UserInfo       struct{ Username string }
}

// verdict is what a webhook says to one request: a refusal, or a JSON patch.
type verdict struct {
	denial string
	patch  []rig.Object
}

// interfere registers a mutating webhook for child resources in the test's namespace. It must act on ModelServers with a trafficPolicy.
func interfere(t *testing.T, r *rig.Rig, decide func(asked question) verdict, resources ...schema.GroupVersionResource) {
	t.Helper()
	if shared.External {
		t.Skip("skipped: the API server of a borrowed cluster cannot reach a webhook on this machine")
	}
	needKubernetes(t, "admission webhooks")
	folder := t.TempDir()
	authority, err := cluster.KeyPair(folder, "webhook")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "webhook.crt"), filepath.Join(folder, "webhook.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		_, _ = w.Write(review(body, decide))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	var rules []any
	for _, resource := range resources {
		rules = append(rules, rig.Object{"apiGroups": []any{resource.Group}, "apiVersions": []any{"*"},
			"resources": []any{resource.Resource}, "operations": []any{"CREATE", "UPDATE"}})
	}
	name := r.Namespace + ".conformance.example"
	configuration := &unstructured.Unstructured{Object: rig.Object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
		"webhooks": []any{rig.Object{
			"name": name, "sideEffects": "None", "admissionReviewVersions": []any{"v1"}, "failurePolicy": "Fail",
			"clientConfig":      rig.Object{"url": server.URL + "/", "caBundle": base64.StdEncoding.EncodeToString(authority)},
			"namespaceSelector": rig.Object{"matchLabels": rig.Object{"kubernetes.io/metadata.name": r.Namespace}},
			"rules":             rules,
		}},
	}}
	configuration.SetName(name)
	configurations := r.Client.Resource(schema.GroupVersionResource{
		Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"})
	if _, err := configurations.Create(r.Context, configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = configurations.Delete(r.Context, name, metav1.DeleteOptions{}) })
	awaitWebhook(r, decide)
}

// awaitWebhook waits until the API server, which learns of webhooks by a watch, asks ours.
func awaitWebhook(r *rig.Rig, decide func(asked question) verdict) {
	r.T.Helper()
	probe := foreignServer("probe")
	probe.Object["spec"].(rig.Object)["trafficPolicy"] = rig.Object{"retry": rig.Object{"attempts": int64(5)}}
	if decision := decide(question{Object: probe.Object}); decision.denial == "" && len(decision.patch) == 0 {
		r.T.Fatal("the webhook does not act on the probe")
	}
	r.Eventually(rig.Patience, "the webhook to be asked", func() string {
		o, err := r.In(rig.Servers).Create(r.Context, probe, metav1.CreateOptions{DryRun: []string{"All"}})
		if err != nil || len(missing(probe.Object["spec"], o.Object["spec"], "")) > 0 {
			return ""
		}
		return "not yet"
	})
}

func review(body []byte, decide func(asked question) verdict) []byte {
	var review struct {
		APIVersion, Kind string
		Request          question
	}
	if json.Unmarshal(body, &review) != nil {
		return nil
	}
	decision := decide(review.Request)
	response := rig.Object{"uid": review.Request.UID, "allowed": decision.denial == ""}
	if decision.denial != "" {
		response["status"] = rig.Object{"message": decision.denial}
	}
	if len(decision.patch) > 0 {
		patch, _ := json.Marshal(decision.patch)
		response["patchType"], response["patch"] = "JSONPatch", base64.StdEncoding.EncodeToString(patch)
	}
	answer, _ := json.Marshal(rig.Object{"apiVersion": review.APIVersion, "kind": review.Kind, "response": response})
	return answer
}

// withoutTrafficPolicy is the verdict of a webhook that drops one field of a ModelServer.
func withoutTrafficPolicy(o rig.Object) verdict {
	if policy, _, _ := unstructured.NestedMap(o, "spec", "trafficPolicy"); len(policy) > 0 {
		return verdict{patch: []rig.Object{{"op": "remove", "path": "/spec/trafficPolicy"}}}
	}
	return verdict{}
}

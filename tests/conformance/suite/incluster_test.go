package conformance

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"model-booster.local/conformance/rig"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

const imagesConfigMap = "model-booster-controller-config"

func imagesConfig(r *rig.Rig, tag string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: rig.Object{"apiVersion": "v1", "kind": "ConfigMap", "data": rig.Object{
		"model_serving_downloader_image": "registry.example/downloader:" + tag,
		"model_serving_runtime_image":    "registry.example/runtime:" + tag,
	}}}
	o.SetName(imagesConfigMap)
	return o
}

// As a pod the controller finds the API server, its token and its namespace by itself, and takes the images from the
// ConfigMap there, now and when it changes; a change restarts no model.
func TestInClusterConfigurationAndImages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.In(configMaps).Create(r.Context, imagesConfig(r, "7"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.StartInCluster()
	active(r, rig.NewBooster("old", rig.Backend("a")))
	if image := rig.DownloadImage(r.Get(rig.Servings, "old-a")); image != "registry.example/downloader:7" {
		t.Errorf("downloader image %q", image)
	}
	before := len(r.Requests())
	r.Patch(configMaps, imagesConfigMap, "user", rig.Object{"data": rig.Object{"model_serving_downloader_image": "registry.example/downloader:8"}})
	expectOutdated(r, "old")
	tracer(r, "new")
	if image := rig.DownloadImage(r.Get(rig.Servings, "new-a")); image != "registry.example/downloader:8" {
		t.Errorf("downloader image of a new model %q", image)
	}
	r.ExpectOnly(rig.About(r.Requests()[before:], "old", "old-a"), "patch modelboosters/status/old")
}

// The token file is read again within the minute: rotated tokens keep working.
func TestRotatedTokenIsTakenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	second := r.NewUser()
	c := r.StartInCluster()
	r.Create(rig.NewBooster("first", rig.Backend("a")))
	r.AwaitInitialized("first")
	c.ReplaceToken(second.Token)
	r.Eventually(2*time.Minute, "a request with the new token", func() string {
		// A new edit each time: a controller with nothing to do has nothing to send.
		r.EditSpec("first", func(spec rig.Object) { spec["owner"] = time.Now().String() })
		if len(r.RequestsOf(second)) > 0 {
			return ""
		}
		return "none yet"
	})
	if strings.Contains(c.Log(), second.Token) {
		t.Error("the log holds the new token")
	}
}

// Of the rights in its own namespace each one is needed.
func TestShippedRoleInItsOwnNamespaceIsExactlySufficient(t *testing.T) {
	t.Parallel()
	rules := newRig(t).ShippedRules()
	for _, grant := range rules.Grants() {
		if !grant.Own {
			continue
		}
		t.Run("without "+grant.Verb+" "+grant.Resource, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.GrantRules(rules.Without(grant))
			if _, err := r.In(configMaps).Create(r.Context, imagesConfig(r, "7"), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			r.StartInCluster()
			r.Eventually(rig.Patience, "a 403", func() string {
				if slices.ContainsFunc(r.Requests(), grant.MissedBy) {
					return ""
				}
				return rig.Summary(rig.Count(r.Requests()))
			})
		})
	}
}

package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

const newDownloader = "registry.example/downloader:2"

// tracer shows that a controller has taken in the present: a new ModelBooster comes to Initialized after the lists are in.
func tracer(r *rig.Rig, name string) {
	r.T.Helper()
	r.Create(rig.NewBooster(name, rig.Backend("a")))
	r.AwaitInitialized(name)
	r.Settle()
}

func expectOutdated(r *rig.Rig, name string) {
	r.T.Helper()
	r.Eventually(rig.Patience, "the status to say outdated", func() string {
		status, _ := json.Marshal(r.Get(rig.Boosters, name).Object["status"])
		if strings.Contains(strings.ToLower(string(status)), "outdated") {
			return ""
		}
		return string(status)
	})
}

// Other images restart nothing: the status says outdated, and the ModelServing is brought up to date when asked for by annotation.
func TestNewImageRestartsNothingUntilAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.Start(rig.Flags{})
	active(r, rig.NewBooster("asked", rig.Backend("a")))
	active(r, rig.NewBooster("edited", rig.Backend("a")))
	first.Stop()

	before := len(r.Requests())
	r.Start(rig.Flags{Downloader: newDownloader})
	tracer(r, "tracer")
	for _, name := range []string{"asked", "edited"} {
		if image := rig.DownloadImage(r.Get(rig.Servings, name+"-a")); image != rig.DownloaderImage {
			t.Errorf("%s was restarted by a new image: %s", name, image)
		}
		r.ExpectOnly(rig.About(r.Requests()[before:], name, name+"-a"), "patch modelboosters/status/"+name)
		expectOutdated(r, name)
		if condition := rig.ConditionOf(r.Get(rig.Boosters, name), "Active"); condition.Status != "True" {
			t.Errorf("%s is outdated and so not Active? %+v", name, condition)
		}
	}
	if image := rig.DownloadImage(r.Get(rig.Servings, "tracer-a")); image != newDownloader {
		t.Errorf("a new model has the image %s", image)
	}

	r.Patch(rig.Boosters, "asked", "user", rig.Object{"metadata": rig.Object{"annotations": rig.Object{rig.UpgradeAnnotation: "now"}}})
	awaitDownloader(r, "asked-a", newDownloader)
	if image := rig.DownloadImage(r.Get(rig.Servings, "edited-a")); image != rig.DownloaderImage {
		t.Errorf("the annotation of one model restarted another: %s", image)
	}

	// An edit of what the pod shows restarts it anyway: it takes the new image along.
	r.EditSpec("edited", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	awaitDownloader(r, "edited-a", newDownloader)
	r.Settle()
	for _, name := range []string{"asked", "edited"} {
		if status, _ := json.Marshal(r.Get(rig.Boosters, name).Object["status"]); strings.Contains(strings.ToLower(string(status)), "outdated") {
			t.Errorf("%s is up to date, and its status says outdated: %s", name, status)
		}
	}
}

func awaitDownloader(r *rig.Rig, serving, expected string) {
	r.T.Helper()
	r.Eventually(rig.Patience, serving+" with "+expected, func() string {
		if image := rig.DownloadImage(r.Get(rig.Servings, serving)); image != expected {
			return fmt.Sprintf("image %q", image)
		}
		return ""
	})
}

// With --upgrade=rolling one model at a time is brought up to date, the next when the last is Active again.
func TestRollingUpgradeTakesOneModelAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.Start(rig.Flags{})
	names := []string{"one", "three", "two"}
	for _, name := range names {
		active(r, rig.NewBooster(name, rig.Backend("a")))
	}
	first.Stop()
	r.Start(rig.Flags{Downloader: newDownloader, Extra: []string{"--upgrade=rolling", "--max-rollouts", "1"}})
	done := map[string]bool{}
	for range names {
		var next string
		r.Eventually(rig.Patience, "the next model to be upgraded", func() string {
			for _, name := range names {
				if !done[name] && rig.DownloadImage(r.Get(rig.Servings, name+"-a")) == newDownloader {
					next = name
					return ""
				}
			}
			return fmt.Sprintf("done: %v", done)
		})
		done[next] = true
		r.Report(next+"-a", false, "Updating", "1 group updating")
		r.AwaitCondition(next, "Active", "False", "")
		tracer(r, "tracer-"+next)
		for _, name := range names {
			if !done[name] && rig.DownloadImage(r.Get(rig.Servings, name+"-a")) == newDownloader {
				t.Errorf("%s is upgraded while %s is not Active yet", name, next)
			}
		}
		r.Report(next+"-a", true, "AllGroupsReady", "all groups are ready")
		r.AwaitCondition(next, "Active", "True", "")
	}
}

// A newer generator is like a new image. MODEL_BOOSTER_NEWER names a program built with another generator version.
func TestNewGeneratorRestartsNothingUntilAsked(t *testing.T) {
	t.Parallel()
	newer := os.Getenv("MODEL_BOOSTER_NEWER")
	if newer == "" {
		t.Skip("skipped: MODEL_BOOSTER_NEWER does not name a program with a newer generator")
	}
	r := newRig(t)
	first := r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	first.Stop()
	before, old := len(r.Requests()), r.Get(rig.Servings, "demo-a")
	r.Start(rig.Flags{Binary: newer})
	tracer(r, "tracer")
	expectOutdated(r, "demo")
	r.ExpectOnly(rig.About(r.Requests()[before:], "demo-a"))
	r.Patch(rig.Boosters, "demo", "user", rig.Object{"metadata": rig.Object{"annotations": rig.Object{rig.UpgradeAnnotation: "now"}}})
	r.Eventually(rig.Patience, "the ModelServing to be brought up to date", func() string {
		if now := r.Get(rig.Servings, "demo-a"); now.GetGeneration() == old.GetGeneration() && now.GetResourceVersion() == old.GetResourceVersion() {
			return "unchanged"
		}
		return ""
	})
}

// A model suspended under an autoscaler: the binding goes first, then the replicas; resumed, the number comes back before the binding does.
func TestSuspendAndResumeUnderAnAutoscaler(t *testing.T) {
	t.Parallel()
	needOurs(t, "field suspend")
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 5), rig.Scaled), rig.Backend("b", rig.Replicas(2, 2))))
	r.Patch(rig.Servings, "demo-a", "autoscaler", rig.Object{"spec": rig.Object{"replicas": int64(4)}})
	r.Report("demo-a", true, "AllGroupsReady", "all groups are ready")
	r.Settle()

	before := len(r.Requests())
	r.EditSpec("demo", func(spec rig.Object) { spec["suspend"] = true })
	awaitReplicas(r, map[string]int64{"demo-a": 0, "demo-b": 0})
	o := r.AwaitCondition("demo", "Active", "False", "Suspended")
	r.Settle()
	if r.Find(rig.Bindings, "demo-a") != nil {
		t.Error("the binding is still there: the autoscaler would scale the model up again")
	}
	expectOrder(r, r.Requests()[before:], "delete autoscalingpolicybindings/demo-a", "patch modelservings/demo-a")
	expectOrder(r, r.Requests()[before:], "get modelboosters/demo", "patch modelservings/demo-a")
	if failed := rig.ConditionOf(o, "Failed"); failed.Status != "False" {
		t.Errorf("Failed: %+v", failed)
	}

	before = len(r.Requests())
	edited := r.EditSpec("demo", func(spec rig.Object) {
		delete(spec, "suspend")
		rig.BackendOf(spec, "a")["maxReplicas"] = int64(3)
	})
	awaitReplicas(r, map[string]int64{"demo-a": 3, "demo-b": 2}) // 4 before, clamped to the new maximum
	r.AwaitInitialized("demo")
	r.AwaitChildren(edited)
	r.Settle()
	expectOrder(r, r.Requests()[before:], "patch modelservings/demo-a", "create autoscalingpolicybindings/demo-a")
}

func awaitReplicas(r *rig.Rig, expected map[string]int64) {
	r.T.Helper()
	r.Eventually(rig.Patience, fmt.Sprintf("replicas %v", expected), func() string {
		seen := map[string]int64{}
		for name := range expected {
			seen[name], _, _ = unstructured.NestedInt64(r.Get(rig.Servings, name).Object, "spec", "replicas")
		}
		if fmt.Sprint(seen) == fmt.Sprint(expected) {
			return ""
		}
		return fmt.Sprint(seen)
	})
}

// A paused ModelBooster is reported on and not touched; continued, it catches up.
func TestPausedChangesNothing(t *testing.T) {
	t.Parallel()
	needOurs(t, "field paused")
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	before := len(r.Requests())
	r.EditSpec("demo", func(spec rig.Object) {
		spec["paused"] = true
		rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a"))
	})
	r.AwaitCondition("demo", "Active", "False", "Paused")
	r.Settle()
	r.ExpectOnly(r.Requests()[before:], "patch modelboosters/status/demo")
	r.EditSpec("demo", func(spec rig.Object) { delete(spec, "paused") })
	r.AwaitInitialized("demo")
	if image := rig.EngineImage(r.Get(rig.Servings, "demo-a")); image != "registry.example/vllm:2" {
		t.Errorf("image %s", image)
	}
}

package conformance

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// crowd is n small ModelBoosters: every third with a policy, every fifth with two backends.
func crowd(n int) []*unstructured.Unstructured {
	boosters := make([]*unstructured.Unstructured, n)
	for i := range boosters {
		backends := []rig.Object{rig.Backend("a")}
		if i%3 == 0 {
			backends = []rig.Object{rig.Backend("a", rig.Replicas(1, 3), rig.Scaled)}
		}
		if i%5 == 0 {
			backends = append(backends, rig.Backend("b", rig.Weight(20)))
		}
		boosters[i] = rig.NewBooster(fmt.Sprintf("m%04d", i), backends...)
	}
	return boosters
}

// createAll creates them with several requests at a time.
func createAll(r *rig.Rig, boosters []*unstructured.Unstructured, concurrency int) {
	r.T.Helper()
	work := make(chan *unstructured.Unstructured)
	var group sync.WaitGroup
	var mutex sync.Mutex
	var first error
	for range concurrency {
		group.Add(1)
		go func() {
			defer group.Done()
			for o := range work {
				if err := r.TryCreate(o); err != nil {
					mutex.Lock()
					first = err
					mutex.Unlock()
				}
			}
		}()
	}
	for _, o := range boosters {
		work <- o
	}
	close(work)
	group.Wait()
	if first != nil {
		r.T.Fatal(first)
	}
}

// awaitCrowd waits until n ModelBoosters are Initialized for their generation.
func awaitCrowd(r *rig.Rig, n int, within time.Duration) {
	r.T.Helper()
	r.Eventually(within, fmt.Sprintf("%d ModelBoosters Initialized", n), func() string {
		done, behind := 0, ""
		list, err := r.TryList(rig.Boosters)
		if err != nil {
			return err.Error()
		}
		for i := range list {
			condition := rig.ConditionOf(&list[i], "Initialized")
			if condition.Status == "True" && rig.ObservedGeneration(&list[i]) == list[i].GetGeneration() {
				done++
			} else {
				behind = fmt.Sprintf("%s: %v", list[i].GetName(), list[i].Object["status"])
			}
		}
		if done >= n && behind == "" {
			return ""
		}
		return fmt.Sprintf("%d of %d; %s", done, len(list), behind)
	})
}

// Many ModelBoosters at once: all of them arrive, with exactly their children, and with no request more than needed.
func TestManyModelBoostersAtOnce(t *testing.T) {
	r := alone(t, "it takes the whole machine")
	r.Start(rig.Flags{})
	boosters := crowd(settings.Crowd)
	start := time.Now()
	createAll(r, boosters, 20)
	awaitCrowd(r, len(boosters), 5*time.Minute)
	t.Logf("%d ModelBoosters Initialized in %s", len(boosters), time.Since(start).Round(time.Millisecond))
	r.AwaitChildren(boosters...)
	r.Settle()
	creates := 0
	for _, o := range boosters {
		creates += len(rig.ExpectedChildren(o))
	}
	seen := 0
	statusWrites := 0
	for _, request := range rig.Writes(r.Requests()) {
		switch {
		case request.Verb == "create":
			seen++
		case request.Subresource == "status":
			statusWrites++
		default:
			t.Errorf("%s %s/%s", request.Verb, request.Kind(), request.Name)
		}
	}
	if seen != creates {
		t.Errorf("%d creates for %d children", seen, creates)
	}
	if statusWrites > 2*len(boosters) {
		t.Errorf("%d status writes for %d ModelBoosters", statusWrites, len(boosters))
	}
	if reads := rig.Reads(r.Requests()); len(reads) > 0 {
		t.Errorf("%d GETs, the first:\n%s", len(reads), rig.Describe(reads[:1]))
	}
}

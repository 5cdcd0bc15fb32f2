package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// write is one request as it goes over the wire.
type write struct {
	method, path, contentType string
	body                      []byte
}

// Throughput: new ModelBoosters until all are Initialized, against a bare client that sends the very same writes (children
// and statuses as the controller made them) at its best concurrency. In both cases the ModelBoosters are there before the
// clock starts, the same watch tells when they are done, and etcd waits for the disk. A first run at each level finds the best
// one; then the runs alternate, and the medians count: the best of some runs is luck, on either side.
func TestThroughput(t *testing.T) {
	c := start(t, true, false)
	n := sizeFrom("MB_BENCH_CROWD", 500)
	model, _ := controllerRun(t, c, n)
	bareTook := func(level int) time.Duration {
		took := bareRun(t, c, model, n, level)
		fmt.Printf("#   bare client, %d at a time: %.2f s, %.0f writes/s\n", level, took.Seconds(), float64(4*n)/took.Seconds())
		return took
	}
	best, fastest := 0, time.Duration(math.MaxInt64)
	for _, level := range []int{8, 16, 32, 64, 100} {
		if took := bareTook(level); took < fastest {
			fastest, best = took, level
		}
	}
	var controller, bare []time.Duration
	for range throughputRuns {
		_, took := controllerRun(t, c, n)
		controller = append(controller, took)
		bare = append(bare, bareTook(best))
	}
	slices.Sort(controller)
	slices.Sort(bare)
	middle := throughputRuns / 2
	report(fmt.Sprintf("%d new ModelBoosters to Initialized", n), controller[middle].Seconds(), noBound, " s")
	report(fmt.Sprintf("the same writes by a bare client (%d at a time)", best), bare[middle].Seconds(), noBound, " s")
	report("ratio", controller[middle].Seconds()/bare[middle].Seconds(), 1.15, "")
}

const throughputRuns = 7

// timeToInitialized is how long after work has begun all n ModelBoosters are Initialized, as a watch tells it.
func timeToInitialized(r *rig.Rig, n int, work func()) time.Duration {
	r.T.Helper()
	list, err := r.In(rig.Boosters).List(r.Context, metav1.ListOptions{})
	if err != nil {
		r.T.Fatal(err)
	}
	w, err := r.In(rig.Boosters).Watch(r.Context, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		r.T.Fatal(err)
	}
	defer w.Stop()
	begin := time.Now()
	work()
	done := map[string]bool{}
	deadline := time.After(5 * time.Minute)
	for len(done) < n {
		select {
		case event, open := <-w.ResultChan():
			if !open {
				r.T.Fatal("the watch ended")
			}
			o, isObject := event.Object.(*unstructured.Unstructured)
			if isObject && rig.ConditionOf(o, "Initialized").Status == "True" {
				done[o.GetName()] = true
			}
		case <-deadline:
			r.T.Fatalf("%d of %d Initialized", len(done), n)
		}
	}
	return time.Since(begin)
}

// controllerRun returns the time from the start of the controller until all are Initialized.
func controllerRun(t *testing.T, c *cluster.Cluster, n int) (*rig.Rig, time.Duration) {
	t.Helper()
	r := rig.New(t, c, settings)
	createAll(r, boosters("m", n), 16)
	took := timeToInitialized(r, n, func() { r.Start(rig.Flags{}) })
	r.StopAll()
	fmt.Printf("#   controller: %.2f s\n", took.Seconds())
	return r, took
}

// bareRun sends what the controller wrote in model's namespace to a new one.
func bareRun(t *testing.T, c *cluster.Cluster, model *rig.Rig, n, level int) time.Duration {
	t.Helper()
	r := rig.New(t, c, settings)
	createAll(r, boosters("m", n), 16)
	chains := make(chan []write, n)
	for _, chain := range writesOf(t, r, model) {
		chains <- chain
	}
	close(chains)
	client, err := rest.HTTPClientFor(c.ConfigOf(r.User))
	if err != nil {
		t.Fatal(err)
	}
	return timeToInitialized(r, n, func() {
		for range level {
			go func() {
				for chain := range chains {
					for _, request := range chain {
						if _, err := send(client, c.Server, request); err != nil {
							t.Error(err)
						}
					}
				}
			}()
		}
	})
}

// send returns the resourceVersion of what the server made of it.
func send(client *http.Client, server string, w write) (string, error) {
	request, err := http.NewRequest(w.method, server+w.path, bytes.NewReader(w.body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", w.contentType)
	request.Header.Set("Accept", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode >= 300 {
		return "", fmt.Errorf("%s %s: %s: %s", w.method, w.path, answer.Status, body)
	}
	var object metav1.PartialObjectMetadata
	err = json.Unmarshal(body, &object)
	return object.ResourceVersion, err
}

// writesOf turns the children and statuses of model's namespace into the writes that would make them for the
// ModelBoosters of r's namespace: one chain for each, in the controller's order.
func writesOf(t *testing.T, r, model *rig.Rig) [][]write {
	t.Helper()
	uids := map[string]string{}
	for _, o := range r.List(rig.Boosters) {
		uids[o.GetName()] = string(o.GetUID())
	}
	children := map[string][]write{}
	for _, resource := range []schema.GroupVersionResource{rig.Servings, rig.Servers, rig.Routes} {
		for _, child := range model.List(resource) {
			owner := metav1.GetControllerOf(&child)
			for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
				unstructured.RemoveNestedField(child.Object, "metadata", field)
			}
			delete(child.Object, "status")
			child.SetNamespace(r.Namespace)
			body := strings.ReplaceAll(marshal(t, child.Object), string(owner.UID), uids[owner.Name])
			children[owner.Name] = append(children[owner.Name], write{http.MethodPost,
				path(resource, r.Namespace) + "?fieldManager=bare&fieldValidation=Strict", "application/json", []byte(body)})
		}
	}
	var chains [][]write
	for _, o := range model.List(rig.Boosters) {
		status := write{http.MethodPatch, path(rig.Boosters, r.Namespace) + "/" + o.GetName() + "/status?fieldManager=bare",
			"application/merge-patch+json", []byte(marshal(t, map[string]any{"status": o.Object["status"]}))}
		chain := append(children[o.GetName()], status)
		if len(chain) != 4 {
			t.Fatalf("%s leads to %d writes, not 4", o.GetName(), len(chain))
		}
		chains = append(chains, chain)
	}
	return chains
}

func path(resource schema.GroupVersionResource, namespace string) string {
	if resource.Group == "" {
		return "/api/" + resource.Version + "/namespaces/" + namespace + "/" + resource.Resource
	}
	return "/apis/" + resource.Group + "/" + resource.Version + "/namespaces/" + namespace + "/" + resource.Resource
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// createAll creates ModelBoosters with several requests at a time.
func createAll(r *rig.Rig, list []*unstructured.Unstructured, concurrency int) {
	r.T.Helper()
	work := make(chan *unstructured.Unstructured)
	var group sync.WaitGroup
	for range concurrency {
		group.Add(1)
		go func() {
			defer group.Done()
			for o := range work {
				if err := r.TryCreate(o); err != nil {
					r.T.Error(err)
				}
			}
		}()
	}
	for _, o := range list {
		work <- o
	}
	close(work)
	group.Wait()
}

// awaitAll waits until at least n ModelBoosters are Initialized.
func awaitAll(r *rig.Rig, n int) {
	r.T.Helper()
	r.Eventually(30*time.Minute, fmt.Sprintf("%d ModelBoosters Initialized", n), func() string {
		list, err := r.TryList(rig.Boosters)
		if err != nil {
			return err.Error()
		}
		done := 0
		for i := range list {
			if rig.ConditionOf(&list[i], "Initialized").Status == "True" {
				done++
			}
		}
		if done >= n {
			return ""
		}
		time.Sleep(time.Second) // the list of thousands is heavy, and the API server has better things to do
		return fmt.Sprintf("%d of %d", done, len(list))
	})
}

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"model-booster.local/conformance/rig"
)

// touched are the children that an edit of these tests changes, in the order in which they are written.
var touched = []schema.GroupVersionResource{rig.Servings, rig.Servers, rig.Routes}

// version is what a ModelBooster of these tests wants; each of the touched children shows it.
type version int

func (v version) image() string { return fmt.Sprintf("registry.example/vllm:%d", v) }
func (v version) model() string { return fmt.Sprintf("served-%d", v) }
func (v version) weight() int64 { return int64(1 + v%100) }

func (v version) backends() []any {
	return []any{rig.Backend("a", rig.Image(v.image()), rig.Weight(v.weight()), func(b rig.Object) {
		b["workers"].([]any)[0].(rig.Object)["config"] = rig.Object{"served-model-name": v.model()}
	})}
}

// isShownBy says whether a child is as this version of its ModelBooster wants it.
func (v version) isShownBy(resource schema.GroupVersionResource, child *unstructured.Unstructured) bool {
	switch resource {
	case rig.Servings:
		return rig.EngineImage(child) == v.image()
	case rig.Servers:
		model, _, _ := unstructured.NestedString(child.Object, "spec", "model")
		return model == v.model()
	}
	rules, _, _ := unstructured.NestedSlice(child.Object, "spec", "rules")
	targets, _, _ := unstructured.NestedSlice(rules[0].(rig.Object), "targetModels")
	return targets[0].(rig.Object)["weight"] == v.weight()
}

func versioned(n int) []*unstructured.Unstructured {
	list := make([]*unstructured.Unstructured, n)
	for i := range list {
		list[i] = rig.NewBooster(fmt.Sprintf("e%04d", i), version(0).backends()[0].(rig.Object))
	}
	return list
}

// edit writes a version over the one that is there.
func edit(r *rig.Rig, name string, v version) error {
	data, err := json.Marshal(rig.Object{"spec": rig.Object{"backends": v.backends()}})
	if err == nil {
		_, err = r.In(rig.Boosters).Patch(r.Context, name, types.MergePatchType, data, metav1.PatchOptions{})
	}
	return err
}

// stopwatch times edits: from the answer to the edit until a watch has shown the last child that it changes.
type stopwatch struct {
	t         testing.TB
	mutex     sync.Mutex
	running   map[string]*timed
	seen      map[string]*unstructured.Unstructured // children, as last shown
	samples   []time.Duration
	overtaken int // edits whose children were not all there when the next edit of the same ModelBooster came
}

type timed struct {
	committed, last time.Time
	wanted          version
	missing         map[schema.GroupVersionResource]bool
}

func childKey(resource schema.GroupVersionResource, model string) string {
	return resource.Resource + "/" + model
}

// newStopwatch lists the children and watches them from there.
func newStopwatch(t testing.TB, r *rig.Rig) *stopwatch {
	t.Helper()
	s := &stopwatch{t: t, running: map[string]*timed{}, seen: map[string]*unstructured.Unstructured{}}
	for _, resource := range touched {
		list, err := r.In(resource).List(r.Context, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			s.seen[childKey(resource, list.Items[i].GetLabels()[rig.ModelLabel])] = &list.Items[i]
		}
		w, err := r.In(resource).Watch(r.Context, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
		go func() {
			for event := range w.ResultChan() {
				if child, isObject := event.Object.(*unstructured.Unstructured); isObject {
					s.show(resource, child, time.Now())
				}
			}
		}()
	}
	return s
}

func (s *stopwatch) show(resource schema.GroupVersionResource, child *unstructured.Unstructured, now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	model := child.GetLabels()[rig.ModelLabel]
	s.seen[childKey(resource, model)] = child
	run := s.running[model]
	if run == nil || !run.missing[resource] || !run.wanted.isShownBy(resource, child) {
		return
	}
	delete(run.missing, resource)
	run.last = now
	s.finish(model, run)
}

// begin is called before an edit is sent, commit when it is answered: children may be shown before that.
func (s *stopwatch) begin(model string, v version) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.running[model] != nil {
		s.overtaken++
	}
	s.running[model] = &timed{wanted: v, missing: map[schema.GroupVersionResource]bool{}}
	for _, resource := range touched {
		s.running[model].missing[resource] = true
	}
}

func (s *stopwatch) commit(model string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if run := s.running[model]; run != nil {
		run.committed = time.Now()
		s.finish(model, run)
	}
}

func (s *stopwatch) finish(model string, run *timed) {
	if len(run.missing) > 0 || run.committed.IsZero() {
		return
	}
	s.samples = append(s.samples, max(0, run.last.Sub(run.committed)))
	delete(s.running, model)
}

// await waits until no edit is under way, and returns the median and the 99th percentile in ms.
func (s *stopwatch) await(r *rig.Rig) (p50, p99 float64) {
	s.t.Helper()
	r.Eventually(rig.Patience, "every edit's children", func() string {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if len(s.running) == 0 {
			return ""
		}
		return fmt.Sprintf("%d edits under way", len(s.running))
	})
	s.mutex.Lock()
	defer s.mutex.Unlock()
	slices.Sort(s.samples)
	at := func(share float64) float64 { return s.samples[int(share*float64(len(s.samples)-1))].Seconds() * 1000 }
	return at(0.5), at(0.99)
}

// load edits n ModelBoosters in turn at a steady rate, whether or not the edits before are done, each time to a version that is new to it.
// `then` follows each edit; nil: nothing does.
type load struct {
	r           *rig.Rig
	n, rate     int
	first, last version // first is written by the first round
	then        func(name string, v version)
}

func (l load) run(s *stopwatch) {
	s.t.Helper()
	begin, k := time.Now(), 0
	var group sync.WaitGroup
	for v := l.first; v <= l.last; v++ {
		for i := range l.n {
			time.Sleep(time.Until(begin.Add(time.Duration(k) * time.Second / time.Duration(l.rate))))
			k++
			group.Add(1)
			go func() {
				defer group.Done()
				name := fmt.Sprintf("e%04d", i)
				s.begin(name, v)
				if err := edit(l.r, name, v); err != nil {
					s.t.Error(err)
				}
				s.commit(name)
				if l.then != nil {
					l.then(name, v)
				}
			}()
		}
	}
	group.Wait()
}

// bareClient writes children as the controller does, one request after the other, and knows beforehand what to write.
type bareClient struct {
	r       *rig.Rig
	client  *http.Client
	present map[string]*unstructured.Unstructured
	turns   map[string]*turn // by model
}

// turn lets the writes of one edit follow those of another; what has come too late is left out.
type turn struct {
	mutex  sync.Mutex
	newest version
}

func newBareClient(t testing.TB, r *rig.Rig, s *stopwatch) *bareClient {
	t.Helper()
	client, err := rest.HTTPClientFor(r.Cluster.ConfigOf(r.User))
	if err != nil {
		t.Fatal(err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	b := &bareClient{r: r, client: client, present: map[string]*unstructured.Unstructured{}, turns: map[string]*turn{}}
	for key, child := range s.seen {
		b.present[key] = child.DeepCopy()
		b.turns[child.GetLabels()[rig.ModelLabel]] = &turn{}
	}
	return b
}

// become changes a child, as it is here, into what a version wants.
func (v version) become(resource schema.GroupVersionResource, child *unstructured.Unstructured) {
	switch resource {
	case rig.Servings:
		text, _ := json.Marshal(child.Object["spec"])
		for _, former := range []string{"registry.example/vllm:", "served-"} {
			text = replaceNumber(text, former, int(v))
		}
		var spec rig.Object
		_ = json.Unmarshal(text, &spec)
		child.Object["spec"] = spec
	case rig.Servers:
		_ = unstructured.SetNestedField(child.Object, v.model(), "spec", "model")
	case rig.Routes:
		rules, _, _ := unstructured.NestedSlice(child.Object, "spec", "rules")
		targets, _, _ := unstructured.NestedSlice(rules[0].(rig.Object), "targetModels")
		targets[0].(rig.Object)["weight"] = v.weight()
		rules[0].(rig.Object)["targetModels"] = targets
		_ = unstructured.SetNestedSlice(child.Object, rules, "spec", "rules")
	}
}

// replaceNumber puts another number behind every occurrence of a prefix.
func replaceNumber(text []byte, prefix string, number int) []byte {
	var out bytes.Buffer
	for {
		at := bytes.Index(text, []byte(prefix))
		if at < 0 {
			out.Write(text)
			return out.Bytes()
		}
		out.Write(text[:at+len(prefix)])
		fmt.Fprint(&out, number)
		text = bytes.TrimLeft(text[at+len(prefix):], "0123456789")
	}
}

// write sends the three patches that follow an edit.
func (b *bareClient) write(name string, v version) {
	turn := b.turns[name]
	turn.mutex.Lock()
	defer turn.mutex.Unlock()
	if v < turn.newest {
		return
	}
	turn.newest = v
	for _, resource := range touched {
		child := b.present[childKey(resource, name)]
		v.become(resource, child)
		answer, err := b.patch(resource, child)
		if err != nil {
			b.r.T.Error(err)
			return
		}
		child.SetResourceVersion(answer)
	}
}

func (b *bareClient) patch(resource schema.GroupVersionResource, child *unstructured.Unstructured) (string, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	operations := []operation{{"replace", "/metadata/resourceVersion", child.GetResourceVersion()}, {"replace", "/spec", child.Object["spec"]}}
	for key, value := range child.GetLabels() {
		operations = append(operations, operation{"add", "/metadata/labels/" + strings.ReplaceAll(key, "/", "~1"), value})
	}
	body, err := json.Marshal(operations)
	if err != nil {
		return "", err
	}
	return send(b.client, b.r.Cluster.Server, write{http.MethodPatch,
		path(resource, b.r.Namespace) + "/" + child.GetName() + "?fieldManager=bare&fieldValidation=Strict", "application/json-patch+json", body})
}

// Edits: from a committed edit that concerns three children to the last child's write, under a steady rate of edits, beside the same
// three requests sent one after the other by a bare client that need not find out what to write. Same server, same load, runs alternate.
func TestEdits(t *testing.T) {
	for _, side := range []struct {
		name       string
		n, rate    int
		isEmbedded bool
	}{
		{"embedded", 200, 100, true},
		{"kube-apiserver", 100, sizeFrom("MB_BENCH_EDITS", 20), false},
	} {
		t.Run(side.name, func(t *testing.T) {
			edits(t, rig.New(t, startEither(t, side.isEmbedded), settings), side.name, side.n, side.rate)
		})
	}
}

const editRounds, editVersions = 3, 4

func edits(t *testing.T, r *rig.Rig, server string, n, rate int) {
	t.Helper()
	r.Start(rig.Flags{})
	createAll(r, versioned(n), 8)
	awaitAll(r, n)
	r.StopAll()
	var best [2][2]float64 // controller, bare: p50, p99
	next := version(1)
	for round := range editRounds {
		for side := range best {
			s := newStopwatch(t, r)
			l := load{r: r, n: n, rate: rate, first: next, last: next + editVersions - 1}
			next = l.last + 1
			if side == 0 {
				r.Start(rig.Flags{})
				tracerEdit(r, fmt.Sprintf("tracer-%d", round))
				r.Settle()
			} else {
				l.then = newBareClient(t, r, s).write
			}
			l.run(s)
			p50, p99 := s.await(r)
			r.StopAll()
			fmt.Printf("#   %s, %s: p50 %.2f ms, p99 %.2f ms, %d overtaken\n", server, []string{"controller", "bare client"}[side], p50, p99, s.overtaken)
			if round == 0 || p50 < best[side][0] {
				best[side][0] = p50
			}
			if round == 0 || p99 < best[side][1] {
				best[side][1] = p99
			}
		}
	}
	what := fmt.Sprintf("%s, %d edits a second", server, rate)
	report(what+": edit to last child's write, p50", best[0][0], noBound, " ms")
	report(what+": the bare requests, p50", best[1][0], noBound, " ms")
	report(what+": p50 to the bare p50", best[0][0]/best[1][0], 1.5, " x")
	report(what+": p99 to the bare p50", best[0][1]/best[1][0], 5, " x")
}

// tracerEdit shows that the controller is in step.
func tracerEdit(r *rig.Rig, name string) {
	r.T.Helper()
	r.Create(rig.NewBooster(name, rig.Backend("a")))
	r.AwaitInitialized(name)
}

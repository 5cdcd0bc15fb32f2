package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/leaves"
	"model-booster.local/conformance/rig"
)

// What a run for a whole hour, or for ten minutes, has.
const (
	enduranceBoosters = 2000
	enduranceRate     = 20 // edits a second
	cutEvery          = 20 * time.Second
	restartEvery      = 75 * time.Second
	settleReserve     = 90 * time.Second // of the time, for the end
	flatness          = 1.05
)

// Churn for MB_ENDURANCE minutes: 20 edits a second over 2,000 ModelBoosters whose ModelServings are played, while watches are cut off and the API
// server is killed and comes back. At the end every ModelBooster's children are those of its last edit, nothing is stuck or left over, no
// more was written than the edits explain, and the controller's memory is flat.
func TestEndurance(t *testing.T) {
	minutes := rig.Number("MB_ENDURANCE", 0)
	if minutes == 0 {
		t.Skip("skipped: make endurance runs it (MB_ENDURANCE, minutes)")
	}
	r := alone(t, "it kills the API server")
	e := &endurance{t: t, r: r, random: rand.New(rand.NewSource(settings.Seed)), end: time.Now().Add(time.Duration(minutes)*time.Minute - settleReserve)}
	n, rate := int(rig.Number("MB_ENDURANCE_BOOSTERS", enduranceBoosters)), int(rig.Number("MB_ENDURANCE_RATE", enduranceRate))
	if n < enduranceBoosters || rate < enduranceRate || minutes < 10 {
		fmt.Printf("conformance: endurance: skipped: shortened to %d minutes, %d ModelBoosters, %d edits a second\n", minutes, n, rate)
	}
	e.begin(n)
	defer e.proxy.Close()
	e.churn(rate)
	e.finish()
}

// endurance is one run.
type endurance struct {
	t          *testing.T
	r          *rig.Rig
	random     *rand.Rand
	end        time.Time // of the churn
	proxy      *cluster.Proxy
	controller *rig.Controller
	players    *players
	models     []*churned
	explained  atomic.Int64 // writes of children, at most
	edits      atomic.Int64
	cuts       int
	restarts   int
	samples    []int64 // RssAnon in KiB, once a second
}

// churned is a ModelBooster as it should be.
type churned struct {
	mutex sync.Mutex // one edit at a time
	name  string
	spec  rig.Object
}

func (e *endurance) begin(n int) {
	e.t.Helper()
	var err error
	if e.proxy, err = shared.NewProxy(); err != nil {
		e.t.Fatal(err)
	}
	e.players = newPlayers(e.r)
	e.controller = e.r.Start(rig.Flags{Server: e.proxy.URL, Metrics: true, Extra: []string{"--log-level", "warn"}})
	start := time.Now()
	boosters := make([]*unstructured.Unstructured, n)
	for i := range boosters {
		m := newChurned(i)
		e.models = append(e.models, m)
		boosters[i] = m.object()
		e.explained.Add(int64(len(rig.ExpectedChildren(boosters[i]))))
	}
	createAll(e.r, boosters, 32)
	created := time.Since(start)
	awaitCrowd(e.r, n, 5*time.Minute)
	fmt.Printf("conformance: endurance: %d ModelBoosters created in %.1f s, Initialized after %.1f s (seed %d)\n", n, created.Seconds(),
		time.Since(start).Seconds(), settings.Seed)
}

// newChurned begins as the churn leaves them: half have a second backend, half a policy. So their number of children, and what the controller
// keeps of them, is the same on average all the time.
func newChurned(i int) *churned {
	backends := []rig.Object{rig.Backend("a", rig.Replicas(1, 3))}
	if i%4 < 2 {
		rig.Scaled(backends[0])
	}
	if i%2 == 0 {
		backends = append(backends, rig.Backend("b"))
	}
	return &churned{name: fmt.Sprintf("m%05d", i), spec: rig.Spec(rig.NewBooster("m", backends...))}
}

func (m *churned) object() *unstructured.Unstructured {
	o := rig.NewBooster(m.name)
	o.Object["spec"] = leaves.Copy(m.spec)
	return o
}

// churn edits at a steady rate, cuts and kills, until the time is over.
func (e *endurance) churn(rate int) {
	e.t.Helper()
	over := make(chan struct{})
	var disturbing, editing sync.WaitGroup
	for _, disturb := range []func(over <-chan struct{}){e.sample, e.cut, e.restart} {
		disturbing.Add(1)
		go func() {
			defer disturbing.Done()
			disturb(over)
		}()
	}
	pace := time.NewTicker(time.Second / time.Duration(rate))
	defer pace.Stop()
	room := make(chan struct{}, 200) // edits that wait for the API server to come back
	for time.Now().Before(e.end) && !e.t.Failed() {
		<-pace.C
		m, seed := e.models[e.random.Intn(len(e.models))], e.random.Int63()
		room <- struct{}{}
		editing.Add(1)
		go func() {
			defer editing.Done()
			defer func() { <-room }()
			if err := e.edit(m, rand.New(rand.NewSource(seed))); err != nil {
				e.t.Errorf("%s: %v", m.name, err)
			}
			e.edits.Add(1)
		}()
	}
	close(over)
	editing.Wait()
	disturbing.Wait()
}

// edit makes one change. It is repeated until it is certain that it was made: what is wanted is known at any time.
func (e *endurance) edit(m *churned, random *rand.Rand) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	value := int64(random.Intn(99) + 1)
	a := rig.BackendOf(m.spec, "a")
	switch random.Intn(10) {
	case 0, 1, 2:
		rig.Weight(value)(a)
		e.explained.Add(1)
	case 3, 4, 5:
		rig.Image(fmt.Sprintf("registry.example/vllm:%d", value))(a)
		e.explained.Add(1)
	case 6:
		a["workers"].([]any)[0].(rig.Object)["config"] = rig.Object{"served-model-name": fmt.Sprintf("served-%d", value)}
		e.explained.Add(2)
	case 7:
		isThere := rig.BackendOf(m.spec, "b") != nil
		rig.RemoveBackend(m.spec, "b")
		if !isThere {
			rig.AddBackend(m.spec, rig.Backend("b", rig.Weight(value)))
		}
		e.explained.Add(3)
	case 8:
		if _, isThere := a["autoscalingPolicy"]; isThere {
			delete(a, "autoscalingPolicy")
		} else {
			rig.Scaled(a)
		}
		e.explained.Add(2)
	case 9:
		return e.replace(m)
	}
	patch, err := json.Marshal(rig.Object{"spec": m.spec})
	if err != nil {
		return err
	}
	return e.r.Persist(func() error {
		_, err := e.r.In(rig.Boosters).Patch(e.r.Context, m.name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// replace deletes a ModelBooster and creates it anew, under the same name.
func (e *endurance) replace(m *churned) error {
	e.explained.Add(int64(len(rig.ExpectedChildren(m.object()))))
	if err := e.r.TryDelete(rig.Boosters, m.name); err != nil {
		return err
	}
	if err := e.r.TryGone(rig.Boosters, m.name); err != nil {
		return err
	}
	return e.r.TryCreate(m.object())
}

// cut cuts all connections of the controller now and then, for a moment.
func (e *endurance) cut(over <-chan struct{}) {
	random := rand.New(rand.NewSource(settings.Seed + 1))
	for e.wait(over, cutEvery/2+time.Duration(random.Int63n(int64(cutEvery)))) {
		e.proxy.Cut()
		e.wait(over, time.Duration(random.Int63n(int64(2*time.Second))))
		e.proxy.Mend()
		e.cuts++
	}
}

// restart kills the API server now and then. It comes back without the plugin that refuses every owner of our kind for half a minute.
func (e *endurance) restart(over <-chan struct{}) {
	random := rand.New(rand.NewSource(settings.Seed + 2))
	for e.wait(over, restartEvery/2+time.Duration(random.Int63n(int64(restartEvery)))) {
		shared.KillAPIServer()
		e.wait(over, time.Duration(random.Int63n(int64(5*time.Second))))
		err := shared.StartAPIServerWith()
		if err == nil {
			err = shared.RestartManager()
		}
		if err != nil {
			e.t.Error(err)
			return
		}
		e.restarts++
	}
}

func (e *endurance) sample(over <-chan struct{}) {
	for e.wait(over, time.Second) {
		anonymous, _ := e.controller.Memory()
		e.samples = append(e.samples, anonymous)
	}
}

// wait is false when the churn is over.
func (e *endurance) wait(over <-chan struct{}, span time.Duration) bool {
	select {
	case <-over:
		return false
	case <-time.After(span):
		return true
	}
}

func (e *endurance) finish() {
	e.t.Helper()
	start := time.Now()
	awaitCrowd(e.r, len(e.models), 3*time.Minute)
	e.r.Eventually(2*time.Minute, "every ModelBooster's children to be those of its last edit", e.unlike)
	settled := time.Since(start)
	e.players.stop()
	e.checkWrites()
	e.checkMemory()
	fmt.Printf("conformance: endurance: %d edits, %d cuts, %d restarts of the API server; all consistent %.1f s after the last\n", e.edits.Load(), e.cuts,
		e.restarts, settled.Seconds())
	if e.edits.Load() == 0 || e.cuts == 0 || e.restarts == 0 {
		e.t.Error("nothing was tried")
	}
}

// unlike names a ModelBooster that is not as it was last edited, or whose children are not, or a child that nobody wants.
func (e *endurance) unlike() string {
	boosters, err := e.r.TryList(rig.Boosters)
	if err != nil {
		return err.Error()
	}
	if len(boosters) != len(e.models) {
		return fmt.Sprintf("%d ModelBoosters of %d", len(boosters), len(e.models))
	}
	views := map[string]*view{}
	for i := range boosters {
		views[boosters[i].GetName()] = &view{booster: &boosters[i], children: childSet{}}
		if failed := rig.ConditionOf(&boosters[i], "Failed"); failed.Status != "False" {
			return fmt.Sprintf("%s: Failed=%s %s", boosters[i].GetName(), failed.Reason, failed.Message)
		}
	}
	for _, resource := range rig.Children {
		children, err := e.r.TryList(resource)
		if err != nil {
			return err.Error()
		}
		for i := range children {
			owner := views[children[i].GetLabels()[rig.ModelLabel]]
			if owner == nil {
				return fmt.Sprintf("%s/%s belongs to nobody", resource.Resource, children[i].GetName())
			}
			owner.children.add(&children[i])
		}
	}
	return e.unlikeRendered(boosters, views)
}

func (e *endurance) unlikeRendered(boosters []unstructured.Unstructured, views map[string]*view) string {
	for begin := 0; begin < len(boosters); begin += batch {
		sets, err := renderedEach(boosters[begin:min(begin+batch, len(boosters))])
		if err != nil {
			return err.Error()
		}
		for name, shapes := range sets {
			if difference := views[name].unlike(shapes, nothing); difference != "" {
				return name + ": " + difference
			}
		}
	}
	for _, m := range e.models {
		if lost := missing(m.spec, rig.Spec(views[m.name].booster), ""); len(lost) > 0 {
			return fmt.Sprintf("%s is not as it was last edited: %v", m.name, lost)
		}
	}
	return ""
}

// checkWrites: the controller is at rest, and has written no more than the edits explain: each child that an edit concerns once, and its status
// at most three times (changed, not available any more, available again).
func (e *endurance) checkWrites() {
	e.t.Helper()
	writes, since := e.controller.Writes(), time.Now()
	e.r.Eventually(rig.Patience, "no writes for 3 s", func() string {
		if more := e.controller.Writes(); more != writes {
			writes, since = more, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return fmt.Sprintf("%d writes", writes)
		}
		return ""
	})
	explained := e.explained.Load() + 3*(e.edits.Load()+int64(len(e.models)))
	fmt.Printf("conformance: endurance: %d writes; the edits explain at most %d\n", writes, explained)
	if int64(writes) > explained {
		e.t.Errorf("%d writes, the edits explain %d", writes, explained)
	}
}

// checkMemory compares the median of RssAnon in the second quarter of the churn with that in the last: what comes before is warm-up, and a single sample
// may fall into the middle of a list.
func (e *endurance) checkMemory() {
	e.t.Helper()
	quarter := len(e.samples) / 4
	if quarter < 10 {
		e.t.Errorf("%d samples of memory: too few", len(e.samples))
		return
	}
	var course []string
	for part := range 8 {
		course = append(course, fmt.Sprintf("%.1f", float64(median(e.samples[part*len(e.samples)/8:(part+1)*len(e.samples)/8]))/1024))
	}
	fmt.Printf("conformance: endurance: RssAnon in eighths of the churn: %s MiB\n", strings.Join(course, ", "))
	before, after := median(e.samples[quarter:2*quarter]), median(e.samples[len(e.samples)-quarter:])
	growth := float64(after) / float64(before)
	fmt.Printf("conformance: endurance: RssAnon %.1f MiB in the second quarter, %.1f MiB in the last: %.3f x; at most %.1f MiB\n", float64(before)/1024,
		float64(after)/1024, growth, float64(slices.Max(e.samples))/1024)
	if growth > flatness {
		e.t.Errorf("the controller's memory grows: %.3f x", growth)
	}
}

func median(values []int64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

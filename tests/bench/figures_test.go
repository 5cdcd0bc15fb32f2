// Package bench measures the controller on a real API server. Every figure is printed beside its bound:
//
//	name  figure  bound  ok|MISS
//
// Figures that depend on the machine are ratios of two measurements of the same run.
package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

var (
	settings rig.Settings
	missed   int
	printed  int
)

func TestMain(m *testing.M) {
	var err error
	if settings, err = rig.ReadSettings(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Printf("%-62s %12s  %-12s\n", "figure", "value", "bound")
	code := m.Run()
	fmt.Printf("%d figures, %d missed\n", printed, missed)
	os.Exit(code)
}

// report prints one figure; the bound is an upper one, 0 when there is none.
func report(name string, value, bound float64, unit string) {
	printed++
	verdict, limit := "", ""
	if bound >= 0 {
		verdict, limit = "ok", "<= "+format(bound)+unit
		if value > bound {
			verdict = "MISS"
			missed++
		}
	}
	fmt.Printf("%-62s %12s  %-12s %s\n", name, format(value)+unit, limit, verdict)
}

const noBound = -1

// reportAtLeast is report with a lower bound.
func reportAtLeast(name string, value, bound float64, unit string) {
	printed++
	verdict := "ok"
	if value < bound {
		verdict = "MISS"
		missed++
	}
	fmt.Printf("%-62s %12s  %-12s %s\n", name, format(value)+unit, ">= "+format(bound)+unit, verdict)
}

func format(value float64) string {
	if value == float64(int64(value)) {
		return strconv.FormatInt(int64(value), 10)
	}
	return strconv.FormatFloat(value, 'f', 3, 64)
}

func sizeFrom(name string, otherwise int) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return value
}

// start brings up a cluster with our definitions.
func start(t *testing.T, sync, audit bool) *cluster.Cluster {
	t.Helper()
	return startWith(t, cluster.Options{Binary: settings.Kubernetes, Sync: sync, Audit: audit})
}

// startEither brings up Kubernetes' API server, with etcd waiting for the disk, or the embedded one, which always does.
func startEither(t *testing.T, isEmbedded bool) *cluster.Cluster {
	t.Helper()
	options := cluster.Options{Binary: settings.Kubernetes, Sync: true, Audit: true}
	if isEmbedded {
		options.Embedded = settings.Binary
	}
	return startWith(t, options)
}

func startWith(t *testing.T, options cluster.Options) *cluster.Cluster {
	t.Helper()
	options.Dir, options.Users = t.TempDir(), 40
	c, err := cluster.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	definitions, err := cluster.ReadDefinitions(settings.Root + "/deploy/crds")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := c.Install(ctx, definitions...); err != nil {
		t.Fatal(err)
	}
	if err := c.StartManager(); err != nil {
		t.Fatal(err)
	}
	return c
}

func boosters(prefix string, n int) []*unstructured.Unstructured {
	list := make([]*unstructured.Unstructured, n)
	for i := range list {
		list[i] = rig.NewBooster(fmt.Sprintf("%s%05d", prefix, i), rig.Backend("a"))
	}
	return list
}

// Requests: what one new ModelBooster costs, and a restart with everything in place.
func TestRequests(t *testing.T) {
	c := start(t, false, true)
	r := rig.New(t, c, settings)
	first := r.Start(rig.Flags{})
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.AwaitInitialized("tracer")
	r.Settle()
	before := len(r.Requests())
	r.Create(rig.NewBooster("demo", rig.Backend("a")))
	r.AwaitInitialized("demo")
	r.Report("demo-a", true, "AllGroupsReady", "all groups are ready")
	r.AwaitCondition("demo", "Active", "True", "")
	r.Settle()
	requests := r.Requests()[before:]
	creates, statuses := 0, 0
	for _, request := range rig.Writes(requests) {
		switch {
		case request.Verb == "create":
			creates++
		case request.Subresource == "status":
			statuses++
		default:
			t.Errorf("unexpected %s %s", request.Verb, request.Kind())
		}
	}
	report("one new ModelBooster: creates", float64(creates), 3, "")
	report("one new ModelBooster: status writes until Active", float64(statuses), 2, "")
	report("one new ModelBooster: GETs", float64(len(rig.Reads(requests))), 0, "")

	before = len(r.Requests())
	for _, resource := range rig.Children {
		for _, child := range r.List(resource) {
			r.Patch(resource, child.GetName(), "somebody", rig.Object{"metadata": rig.Object{"annotations": rig.Object{"example.org/touched": "yes"}}})
		}
	}
	r.Settle()
	report("events that change nothing: requests", float64(len(rig.Writes(r.Requests()[before:]))+len(rig.Reads(r.Requests()[before:]))), 0, "")

	first.Stop()
	before = len(r.Requests())
	r.Start(rig.Flags{})
	awaitWatches(r, before)
	r.Settle()
	requests = r.Requests()[before:]
	report("restart with everything in place: writes", float64(len(rig.Writes(requests))), 0, "")
	report("restart with everything in place: GETs", float64(len(rig.Reads(requests))), 0, "")
	startToFirstReconcile(r, sizeFrom("MB_BENCH_START", 1000))
}

func awaitWatches(r *rig.Rig, before int) {
	r.Eventually(rig.Patience, "the watches", func() string {
		count := rig.Count(r.Requests()[before:])
		for _, resource := range append(rig.Children, rig.Boosters) {
			if count["watch "+resource.Resource] == 0 {
				return rig.Summary(count)
			}
		}
		return ""
	})
}

// startToFirstReconcile: with n ModelBoosters in place and one that waits, the time from the answer to the last list to
// the first create for the one that waits.
func startToFirstReconcile(r *rig.Rig, n int) {
	createAll(r, boosters("full", n), 16)
	awaitAll(r, n)
	r.Settle()
	r.StopAll()
	r.Create(rig.NewBooster("waiting", rig.Backend("a")))
	before := len(r.Requests())
	r.Start(rig.Flags{})
	r.AwaitInitialized("waiting")
	r.Settle()
	var listed, created time.Time
	for _, request := range r.Requests()[before:] {
		switch {
		case request.Verb == "list" && request.Answered.After(listed):
			listed = request.Answered
		case request.Verb == "create" && created.IsZero() && request.Resource != "events":
			created = request.Received
		}
	}
	report(fmt.Sprintf("start to first reconcile with %d ModelBoosters, after the lists", n), created.Sub(listed).Seconds(), 1, " s")
}

// Memory: idle, and with many ModelBoosters whose children the controller itself has made.
func TestMemory(t *testing.T) {
	c := start(t, false, false)
	r := rig.New(t, c, settings)
	controller := r.Start(rig.Flags{})
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.AwaitInitialized("tracer")
	memory("idle", controller, 10)
	n := sizeFrom("MB_BENCH_BOOSTERS", 10000)
	createAll(r, boosters("m", n), 16)
	awaitAll(r, n)
	what := fmt.Sprintf("%d ModelBoosters, %d children", n, 3*n)
	memory(what+", made by it", controller, 64)
	controller.Stop()
	controller = r.Start(rig.Flags{})
	r.Create(rig.NewBooster("second-tracer", rig.Backend("a")))
	r.AwaitInitialized("second-tracer")
	memory(what+", after a restart", controller, 64)
}

func memory(what string, controller *rig.Controller, bound float64) {
	anonymous, resident := controller.Memory()
	report("RssAnon, "+what, float64(anonymous)/1024, bound, " MiB")
	report("RSS, "+what, float64(resident)/1024, noBound, " MiB")
}

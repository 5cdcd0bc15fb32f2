package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// In flight of every load, and the size of crowds.
const inFlight = 32

const configMap = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m-@@"},"data":{"a":"1","b":"some text of no importance"}}`

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// comparison is one load on both servers. The runs alternate, the other server is halted meanwhile, and of each the best run counts: others may use
// the machine, too.
type comparison struct {
	what   string
	bound  float64 // how many times as many a second
	counts [2]int  // requests of a run: kubernetes, embedded
	run    func(l *target, round, count int) figures
}

const rounds = 4

// Servers: the embedded API server beside kube-apiserver and etcd, which waits for the disk as the embedded one does: the same requests by the
// same client, over the same protocol (HTTP/1.1 and TLS).
func TestServers(t *testing.T) {
	targets := []*target{startTarget(t, "kubernetes", false), startTarget(t, "embedded", true)}
	serving := servingBody(t)
	n := sizeFrom("MB_BENCH_SERVINGS", 10000)
	for _, l := range targets {
		for _, name := range []string{"many", "hundred", "watched"} {
			l.createNamespace(name)
		}
		l.requests(8, 100, 0, "POST", path(rig.Servings, "hundred"), serving)
		l.requests(inFlight, 500, 1000000, "POST", path(configMaps, "many"), configMap) // warm
		l.cluster.Halt()
	}
	comparisons := []comparison{
		{"durable creates of a ModelServing (5 KB), 32 in flight", 10, [2]int{n / rounds, n / rounds}, func(l *target, round, count int) figures {
			return l.requests(inFlight, count, round*count, "POST", path(rig.Servings, "many"), serving)
		}},
		{"durable creates of a ConfigMap, 32 in flight", 6, [2]int{1500, 6000}, func(l *target, round, count int) figures {
			return l.requests(inFlight, count, round*count, "POST", path(configMaps, "many"), configMap)
		}},
		{"GET of a ModelServing, 32 in flight", 10, [2]int{3000, 30000}, func(l *target, _, count int) figures {
			return l.requests(inFlight, count, 0, "GET", path(rig.Servings, "many")+"/serving-7", "")
		}},
		{"LIST of 100 ModelServings, 8 in flight", 10, [2]int{100, 1000}, func(l *target, _, count int) figures {
			return l.requests(8, count, 0, "GET", path(rig.Servings, "hundred"), "")
		}},
	}
	for i, c := range comparisons {
		best := [2]float64{}
		for round := range rounds {
			for side, l := range targets {
				l.cluster.GoOn()
				best[side] = max(best[side], c.run(l, round, c.counts[side]).rate())
				l.cluster.Halt()
			}
		}
		reportAtLeast(c.what, best[1]/best[0], c.bound, " x")
		if i == 0 {
			theirs, ours := float64(targets[0].cluster.Memory())/1024, float64(targets[1].cluster.Memory())/1024
			report(fmt.Sprintf("RssAnon with %d ModelServings (both of theirs: %.0f MiB)", n, theirs), ours, theirs/20, " MiB")
		}
	}
	best := [2]float64{1e9, 1e9}
	for round := range rounds {
		for side, l := range targets {
			l.cluster.GoOn()
			best[side] = min(best[side], l.watchWrites(round).p99)
			l.cluster.Halt()
		}
	}
	report(fmt.Sprintf("1,000 watchers see a write, p99 (kube-apiserver: %.1f ms)", best[0]), best[1], 50, " ms")
}

func (l *target) createNamespace(name string) {
	l.t.Helper()
	o := &unstructured.Unstructured{Object: rig.Object{"apiVersion": "v1", "kind": "Namespace", "metadata": rig.Object{"name": name}}}
	resource := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	if _, err := l.cluster.Dynamic().Resource(resource).Create(context.Background(), o, metav1.CreateOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

// watchWrites lets 1,000 watchers see 25 writes.
func (l *target) watchWrites(round int) figures {
	l.t.Helper()
	list, err := l.cluster.Dynamic().Resource(configMaps).Namespace("watched").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	body := strings.ReplaceAll(configMap, "@@", fmt.Sprintf("%d-@@", round))
	return l.watch(1000, 25, path(configMaps, "watched")+"?watch=1&resourceVersion="+list.GetResourceVersion(), path(configMaps, "watched"), body)
}

func startTarget(t *testing.T, name string, isEmbedded bool) *target {
	t.Helper()
	options := cluster.Options{Binary: settings.Kubernetes, Dir: t.TempDir(), Sync: true}
	if isEmbedded {
		options.Embedded = settings.Binary
	}
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
	return &target{t, c, name, t.TempDir()}
}

// servingBody is the quick start's ModelServing as the controller would create it, under a numbered name.
func servingBody(t *testing.T) string {
	t.Helper()
	output, err := exec.Command(settings.Binary, "render", "-f", settings.Root+"/examples/quickstart.yaml", "-o", "json", "--kind", "ModelServing").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []rig.Object }
	if err := json.Unmarshal(output, &list); err != nil || len(list.Items) == 0 {
		t.Fatalf("render: %v, %d children", err, len(list.Items))
	}
	metadata := list.Items[0]["metadata"].(rig.Object)
	delete(metadata, "ownerReferences")
	delete(metadata, "namespace")
	metadata["name"] = "serving-@@"
	return marshal(t, list.Items[0])
}

// Start of the embedded server: from exec until it answers /readyz, on a new folder and on one with objects in it.
func TestStart(t *testing.T) {
	folder := t.TempDir()
	fresh := func(i int) string { return filepath.Join(folder, strconv.Itoa(i)) }
	var took []float64
	for i := range 5 {
		took = append(took, startOnce(t, fresh(i)))
	}
	report("start of the embedded server, exec to readyz, best of 5", slices.Min(took), 100, " ms")
	took = nil
	for range 5 {
		took = append(took, startOnce(t, fresh(0)))
	}
	report("the same on a folder that is there, best of 5", slices.Min(took), 100, " ms")
}

func startOnce(t *testing.T, folder string) float64 {
	t.Helper()
	port, err := cluster.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	address := "127.0.0.1:" + strconv.Itoa(port)
	request, err := http.NewRequest(http.MethodGet, "https://"+address+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("probe,probe,probe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer probe")
	begin := time.Now()
	process, err := cluster.StartProcess(t.TempDir(), "standalone", []string{settings.Binary, "standalone", "--data", folder, "--listen", address,
		"--token-auth-file", tokens})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Kill()
	for time.Since(begin) < 10*time.Second {
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return float64(time.Since(begin).Microseconds()) / 1000
			}
			err = fmt.Errorf("%s", answer.Status)
		}
		if !process.Running() {
			t.Fatalf("%v\n%s", err, process.Tail(4096))
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("not ready\n%s", process.Tail(4096))
	return 0
}

// Growth: what a write costs with 1,000 objects and with 100,000. The runs alternate, and of each size the best counts.
func TestGrowth(t *testing.T) {
	const writes = 4000
	few, many := 1000, sizeFrom("MB_BENCH_GROWTH", 100000)
	small, large := startTarget(t, "small", true), startTarget(t, "large", true)
	all := path(configMaps, "default")
	small.requests(inFlight, few, 0, "POST", all, configMap)
	large.requests(inFlight, many, 0, "POST", all, configMap)
	var rates [2][]float64
	for round := range 5 {
		for i, l := range []*target{small, large} {
			rates[i] = append(rates[i], l.requests(inFlight, writes, few+many+round*writes, "POST", path(configMaps, "default"), configMap).rate())
		}
	}
	report(fmt.Sprintf("cost of a write with %d objects, to that with %d", many, few), slices.Max(rates[0])/slices.Max(rates[1]), 1.5, " x")
}

// Boosters: new ModelBoosters until the controller in the same process has made all of them Initialized.
func TestStandaloneThroughput(t *testing.T) {
	n := sizeFrom("MB_BENCH_CROWD", 500)
	c, err := cluster.Start(cluster.Options{Dir: t.TempDir(), Embedded: settings.Binary, WithController: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	l := &target{t, c, "embedded", t.TempDir()}
	booster := rig.NewBooster("m@@", rig.Backend("a"))
	booster.SetNamespace("default")
	best := time.Duration(0)
	for round := range 3 {
		done := awaitInitialized(t, c, n)
		begin := time.Now()
		l.requests(inFlight, n, round*n, "POST", path(rig.Boosters, "default"), marshal(t, booster.Object))
		if err := <-done; err != nil {
			t.Fatalf("%v\n%s", err, c.Logs())
		}
		if took := time.Since(begin); best == 0 || took < best {
			best = took
		}
		fmt.Printf("#   %d ModelBoosters Initialized after %.3f s\n", n, time.Since(begin).Seconds())
	}
	reportAtLeast(fmt.Sprintf("%d new ModelBoosters until Initialized, a second", n), float64(n)/best.Seconds(), 1000, "/s")
}

// awaitInitialized tells when n ModelBoosters that are not there yet are Initialized. It reads the watch as lightly as it can.
func awaitInitialized(t *testing.T, c *cluster.Cluster, n int) <-chan error {
	t.Helper()
	list, err := c.Dynamic().Resource(rig.Boosters).List(context.Background(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(c.Server + path(rig.Boosters, "default") + "?watch=1&resourceVersion=" + list.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		defer answer.Body.Close()
		names := map[string]bool{}
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 4<<20)
		for len(names) < n && lines.Scan() {
			if !bytes.Contains(lines.Bytes(), []byte(`"Initialized"`)) {
				continue
			}
			var event struct{ Object unstructured.Unstructured }
			if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
				done <- err
				return
			}
			if rig.ConditionOf(&event.Object, "Initialized").Status == "True" {
				names[event.Object.GetName()] = true
			}
		}
		if len(names) < n {
			done <- fmt.Errorf("%d of %d Initialized when the watch ended: %v", len(names), n, lines.Err())
			return
		}
		done <- nil
	}()
	return done
}

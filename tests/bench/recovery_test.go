package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// outage is how long the API server is away.
const outage = 10 * time.Second

// Recovery: the API server is killed in the middle of edits, comes back after 10 s, and at once users edit further and a child is
// deleted. From its return (it says that it is ready) until every ModelBooster's children show its last edit and every status says so.
func TestRecovery(t *testing.T) {
	for _, server := range []struct {
		name       string
		isEmbedded bool
		n, rate    int
	}{{"embedded", true, 200, 100}, {"kube-apiserver", false, 100, 20}} {
		c := startEither(t, server.isEmbedded)
		r := rig.New(t, c, settings)
		r.Start(rig.Flags{})
		createAll(r, versioned(server.n), 8)
		awaitAll(r, server.n)
		var worst time.Duration
		wanted := make([]version, server.n)
		for range 3 {
			took := recovery(t, r, c, wanted, server.rate)
			fmt.Printf("#   %s: all consistent %.2f s after its return\n", server.name, took.Seconds())
			worst = max(worst, took)
		}
		report(fmt.Sprintf("%s away for 10 s: all %d consistent, after its return", server.name, server.n), worst.Seconds(), 2, " s")
		r.StopAll()
		c.Stop()
	}
}

func recovery(t *testing.T, r *rig.Rig, c *cluster.Cluster, wanted []version, rate int) time.Duration {
	t.Helper()
	killed := make(chan struct{})
	var editing sync.WaitGroup
	editing.Add(1)
	unanswered := 0
	go func() {
		defer editing.Done()
		unanswered = editUntil(r, wanted, rate, killed)
	}()
	time.Sleep(2 * time.Second) // of edits before the kill
	c.KillAPIServer()
	close(killed)
	editing.Wait()
	time.Sleep(outage)
	// Without the plugin that refuses every owner of our kind for half a minute, however the controller behaves.
	if err := c.StartAPIServerWith(); err != nil {
		t.Fatal(err)
	}
	returned := time.Now()
	policy := metav1.DeletePropagationBackground
	if err := r.In(rig.Servers).Delete(r.Context, "e0000-a", metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		t.Error(err)
	}
	// One edit was under way at the kill and may or may not have been made; the ModelBooster that it was for is edited once more.
	for k := range 20 {
		i := (unanswered + k) % len(wanted)
		wanted[i]++
		if err := edit(r, fmt.Sprintf("e%04d", i), wanted[i]); err != nil {
			t.Error(err)
		}
	}
	return awaitConsistent(r, wanted, returned)
}

// editUntil edits one ModelBooster after the other, and returns the one whose edit was not answered, or not begun.
func editUntil(r *rig.Rig, wanted []version, rate int, over <-chan struct{}) int {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(wanted) {
		select {
		case <-over:
			return i
		case <-tick.C:
		}
		wanted[i]++
		if err := edit(r, fmt.Sprintf("e%04d", i), wanted[i]); err != nil {
			return i
		}
	}
}

// awaitConsistent waits until the children show what their ModelBoosters want now, and the statuses say so.
func awaitConsistent(r *rig.Rig, wanted []version, since time.Time) time.Duration {
	r.T.Helper()
	r.Eventually(rig.Patience, "every ModelBooster consistent", func() string {
		list, err := r.TryList(rig.Boosters)
		if err != nil {
			return err.Error()
		}
		for i := range list {
			initialized := rig.ConditionOf(&list[i], "Initialized")
			if initialized.Status != "True" || rig.ObservedGeneration(&list[i]) != list[i].GetGeneration() {
				return fmt.Sprintf("%s: %v", list[i].GetName(), list[i].Object["status"])
			}
		}
		return unshown(r, wanted)
	})
	return time.Since(since)
}

// unshown names a child that is not as wanted, "" when there is none.
func unshown(r *rig.Rig, wanted []version) string {
	for _, resource := range touched {
		children, err := r.TryList(resource)
		if err != nil {
			return err.Error()
		}
		if len(children) < len(wanted) {
			return fmt.Sprintf("%d %s", len(children), resource.Resource)
		}
		for k := range children {
			var i int
			if _, err := fmt.Sscanf(children[k].GetLabels()[rig.ModelLabel], "e%d", &i); err != nil {
				continue
			}
			if !wanted[i].isShownBy(resource, &children[k]) {
				return fmt.Sprintf("%s/%s does not show version %d", resource.Resource, children[k].GetName(), wanted[i])
			}
		}
	}
	return ""
}

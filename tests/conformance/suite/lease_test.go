package conformance

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

const underLoad = 20 // ModelBoosters that are edited all the time

// pair is two controllers with one Lease, the first leading, while users keep editing.
type pair struct {
	r             *rig.Rig
	leader, other *rig.Controller
	second        cluster.User
	stop          chan struct{}
	edited        chan error
}

func newPair(t *testing.T) *pair {
	t.Helper()
	if shared.Audit == nil {
		t.Skip("skipped: a borrowed cluster shows no audit log")
	}
	p := &pair{r: newRig(t), stop: make(chan struct{}), edited: make(chan error, 1)}
	p.second = p.r.NewUser()
	p.leader = p.r.Start(rig.Flags{Elected: true})
	awaitLog(p.r, p.leader, "leading")
	p.other = p.r.Start(rig.Flags{Elected: true, User: &p.second})
	awaitLog(p.r, p.other, "in step with the cluster")
	for i := range underLoad {
		p.r.Create(rig.NewBooster(fmt.Sprintf("m%02d", i), rig.Backend("a"), rig.Backend("b")))
	}
	for i := range underLoad {
		p.r.AwaitInitialized(fmt.Sprintf("m%02d", i))
	}
	go p.edit()
	return p
}

func awaitLog(r *rig.Rig, c *rig.Controller, text string) {
	r.T.Helper()
	r.Eventually(rig.Patience, "the log line "+text, func() string {
		if strings.Contains(c.Log(), text) {
			return ""
		}
		return "not there: " + c.Log()
	})
}

// edit changes a weight every few milliseconds: a route and a status to write each time.
func (p *pair) edit() {
	for i := 0; ; i++ {
		select {
		case <-p.stop:
			p.edited <- nil
			return
		case <-time.After(20 * time.Millisecond):
		}
		o := rig.Object{"spec": rig.Object{"paused": false}, "metadata": rig.Object{"annotations": rig.Object{"round": fmt.Sprint(i)}}}
		name := fmt.Sprintf("m%02d", i%underLoad)
		if i%2 == 0 {
			p.r.EditSpec(name, func(spec rig.Object) { rig.Weight(int64(i%90 + 5))(rig.BackendOf(spec, "a")) })
		} else if p.r.Settings.Set == "ours" {
			p.r.Patch(rig.Boosters, name, "user", o)
		}
	}
}

// written is when a user made its first and its last write, the Lease and events aside.
func written(r *rig.Rig, user cluster.User) (first, last time.Time) {
	for _, request := range rig.Writes(r.RequestsOf(user)) {
		if request.Resource == "leases" {
			continue
		}
		if first.IsZero() || request.Received.Before(first) {
			first = request.Received
		}
		if request.Received.After(last) {
			last = request.Received
		}
	}
	return first, last
}

// takenOver waits for the other's first write, and ends the load; it returns how long after `since` that was.
func (p *pair) takenOver(since time.Time) time.Duration {
	p.r.T.Helper()
	var first time.Time
	p.r.Eventually(rig.Patience, "a write by the other controller", func() string {
		if first, _ = written(p.r, p.second); first.IsZero() {
			return "none: " + p.other.Log()
		}
		return ""
	})
	close(p.stop)
	<-p.edited
	if first.Before(since) {
		p.r.T.Errorf("the other wrote at %s, while the first led", first)
	}
	if _, last := written(p.r, p.r.User); last.After(first) {
		p.r.T.Errorf("both write: the first until %s, the second from %s", last, first)
	}
	for i := range underLoad {
		p.r.AwaitInitialized(fmt.Sprintf("m%02d", i))
	}
	return first.Sub(since)
}

// A leader that stops in good order gives the Lease up: the other writes within 3 s.
func TestLeaseIsGivenUpByALeaderThatStops(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.leader.Stop()
	took := p.takenOver(time.Now())
	t.Logf("taken over after %s", took)
	if took > 3*time.Second {
		t.Errorf("taken over after %s", took)
	}
}

// A leader that is killed gives nothing up: its Lease runs out, and the other writes within 20 s.
func TestLeaseOfAKilledLeaderRunsOut(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.leader.Kill()
	took := p.takenOver(time.Now())
	t.Logf("taken over after %s", took)
	if took > 20*time.Second || took < 10*time.Second {
		t.Errorf("taken over after %s", took)
	}
}

// A leader that stood still for longer than its Lease writes nothing when it goes on, and ends.
func TestLeaseIsLostByALeaderThatStoodStill(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.leader.Signal(syscall.SIGSTOP)
	stood := time.Now()
	took := p.takenOver(stood)
	p.leader.Signal(syscall.SIGCONT)
	p.leader.AwaitFailure()
	t.Logf("taken over after %s", took)
	if _, last := written(p.r, p.r.User); last.After(stood.Add(time.Second)) {
		t.Errorf("it wrote %s after it was stopped", last.Sub(stood))
	}
	if !strings.Contains(p.leader.Log(), "is lost") {
		t.Errorf("it does not say why it ends:\n%s", p.leader.Log())
	}
}

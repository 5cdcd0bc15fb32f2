package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// step is one thing that users do.
type step struct {
	what string
	do   func(r *rig.Rig) error
}

// script is what users do to n ModelBoosters, the same for the same seed. Its end state depends on no timing: replicas are
// fixed numbers or ranges whose bounds never move, so no number is left over from a state that was only passed through.
func script(seed int64, n, steps int) []step {
	random := rand.New(rand.NewSource(seed))
	live := map[int]bool{}
	var list []step
	for len(list) < steps {
		i := random.Intn(n)
		name := fmt.Sprintf("m%03d", i)
		value := int64(random.Intn(99) + 1)
		if !live[i] {
			live[i] = true
			o := crowd(i + 1)[i]
			o.SetName(name)
			list = append(list, step{"create " + name, func(r *rig.Rig) error { return r.TryCreate(o.DeepCopy()) }})
			continue
		}
		edit := func(what string, change func(spec rig.Object)) {
			list = append(list, step{what + " " + name, func(r *rig.Rig) error {
				return r.TryEdit(rig.Boosters, name, func(o *unstructured.Unstructured) { change(rig.Spec(o)) })
			}})
		}
		switch random.Intn(10) {
		case 0, 1:
			edit("weight", func(spec rig.Object) { rig.Weight(value)(rig.BackendOf(spec, "a")) })
		case 2, 3:
			edit("image", func(spec rig.Object) {
				rig.Image(fmt.Sprintf("registry.example/vllm:%d", value))(rig.BackendOf(spec, "a"))
			})
		case 4, 5:
			edit("toggle backend", func(spec rig.Object) {
				rig.RemoveBackend(spec, "c")
				if value%2 == 0 {
					rig.AddBackend(spec, rig.Backend("c", rig.Replicas(value%3+1, value%3+1)))
				}
			})
		case 6, 7:
			edit("policy", func(spec rig.Object) {
				a := rig.BackendOf(spec, "a")
				rig.Replicas(1, 3)(a)
				delete(a, "autoscalingPolicy")
				if value%2 == 0 {
					rig.Scaled(a)
				}
			})
		case 8:
			edit("model name", func(spec rig.Object) { spec["name"] = fmt.Sprintf("public-%d", value%4) })
		case 9:
			live[i] = false
			list = append(list, step{"delete " + name, func(r *rig.Rig) error {
				if err := r.TryDelete(rig.Boosters, name); err != nil {
					return err
				}
				return r.TryGone(rig.Boosters, name)
			}})
		}
	}
	return list
}

// play does the steps of a script one after another. It returns the first error.
func play(r *rig.Rig, steps []step) error {
	for i, step := range steps {
		if err := step.do(r); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, step.what, err)
		}
	}
	return nil
}

// settled is the state at the end: every ModelBooster Initialized, exactly their children, the controller idle.
func settled(r *rig.Rig) map[string]string {
	r.T.Helper()
	var boosters []*unstructured.Unstructured
	for _, o := range r.List(rig.Boosters) {
		boosters = append(boosters, o.DeepCopy())
	}
	awaitCrowd(r, len(boosters), 3*time.Minute)
	r.AwaitChildren(boosters...)
	r.Settle()
	return r.State()
}

// undisturbed is the end state of a script that nothing disturbs.
func undisturbed(t *testing.T, steps []step) map[string]string {
	t.Helper()
	r := newRig(t)
	r.Start(rig.Flags{})
	if err := play(r, steps); err != nil {
		t.Fatal(err)
	}
	return settled(r)
}

// The controller is killed (SIGKILL) at random moments while users keep working; the end is that of an undisturbed
// run, object for object.
func TestControllerKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	steps := script(settings.Seed, 25, 8*settings.Kills+100)
	t.Logf("seed %d (MB_SEED), %d kills (MB_KILLS), %d steps", settings.Seed, settings.Kills, len(steps))
	expected := undisturbed(t, steps)

	r := newRig(t)
	random := rand.New(rand.NewSource(settings.Seed + 1))
	playing := make(chan error, 1)
	go func() { playing <- play(r, steps) }()
	atWork := 0
	for range settings.Kills {
		c := r.Start(rig.Flags{})
		// The moment of the kill is the point of the test: from before the lists are in to the middle of the work.
		time.Sleep(time.Duration(random.ExpFloat64() * float64(250*time.Millisecond)))
		c.Kill()
		if strings.Contains(c.Log(), "created") || strings.Contains(c.Log(), "updated") {
			atWork++
		}
	}
	if t.Logf("%d of %d were killed at work", atWork, settings.Kills); atWork == 0 {
		t.Error("every controller was killed before it did anything")
	}
	r.Start(rig.Flags{})
	if err := <-playing; err != nil {
		t.Fatal(err)
	}
	if difference := rig.CompareStates(expected, settled(r)); difference != "" {
		t.Errorf("the end differs from that of an undisturbed run (seed %d):\n%s", settings.Seed, difference)
	}
	checkNothingMadeTwice(r)
}

// checkNothingMadeTwice looks for ModelServings and ModelServers that were deleted although the script never takes them
// from a living ModelBooster (only backend c comes and goes), or made twice for a ModelBooster that lives. For one that goes it
// can happen: seen alive when its children were gone already; the garbage collector removes what is made then.
func checkNothingMadeTwice(r *rig.Rig) {
	r.T.Helper()
	isLive := map[string]bool{}
	for _, o := range r.List(rig.Boosters) {
		isLive[string(o.GetUID())] = true
	}
	made, deleted := map[string]int{}, 0
	for _, request := range rig.Writes(r.Requests()) {
		isKept := (request.Resource == rig.Servings.Resource || request.Resource == rig.Servers.Resource) && !strings.HasSuffix(request.Name, "-c")
		switch {
		case request.Verb == "update" || request.Verb == "deletecollection":
			r.T.Errorf("%s %s", request.Verb, request.URI)
		case request.Code >= 300:
		case request.Verb == "delete" && isKept:
			r.T.Errorf("deleted without a cause: %s/%s", request.Resource, request.Name)
		case request.Verb == "delete":
			deleted++
		case request.Verb == "create" && isKept:
			child := &unstructured.Unstructured{}
			if err := json.Unmarshal(request.Body, &child.Object); err != nil {
				r.T.Fatal(err)
			}
			if owner := metav1.GetControllerOf(child); owner != nil && isLive[string(owner.UID)] {
				made[request.Resource+"/"+request.Name]++
			}
		}
	}
	for name, count := range made {
		if count > 1 {
			r.T.Errorf("%s was made %d times", name, count)
		}
	}
	if len(made) == 0 || deleted == 0 {
		r.T.Errorf("%d children made, %d deleted: nothing was tried", len(made), deleted)
	}
}

// Two controllers run at once by mistake: the end is the same, and they do not fight.
func TestTwoControllersAtOnce(t *testing.T) {
	t.Parallel()
	steps := script(settings.Seed+2, 15, 150)
	expected := undisturbed(t, steps)
	r := newRig(t)
	second := r.NewUser()
	r.Start(rig.Flags{})
	r.Start(rig.Flags{User: &second})
	if err := play(r, steps); err != nil {
		t.Fatal(err)
	}
	if difference := rig.CompareStates(expected, settled(r)); difference != "" {
		t.Errorf("the end differs from that of one controller (seed %d):\n%s", settings.Seed, difference)
	}
	mine, theirs := len(rig.Writes(r.Requests())), len(rig.Writes(r.RequestsOf(second)))
	if mine == 0 || theirs == 0 {
		t.Errorf("%d writes by one, %d by the other: only one was at work", mine, theirs)
	}
	tracer(r, "tracer")
	// Peace: only the tracer's own writes, by either, and not twice over.
	if more := len(rig.Writes(r.Requests())) + len(rig.Writes(r.RequestsOf(second))) - mine - theirs; more > 12 {
		t.Errorf("%d writes for one new ModelBooster", more)
	}
}

// The API server is killed and comes back while users and controller work.
func TestAPIServerKilledAndRestartedUnderLoad(t *testing.T) {
	r := alone(t, "it kills the API server")
	defer strict(t)
	r.Start(rig.Flags{})
	boosters := crowd(120)
	present := 0
	for kill := range 3 {
		load := boosters[kill*40 : (kill+1)*40]
		var group sync.WaitGroup
		group.Add(1)
		go func() {
			defer group.Done()
			createAll(r, load, 8)
		}()
		r.Eventually(2*time.Minute, "the controller at work", func() string {
			list, err := r.TryList(rig.Servings)
			if err == nil && len(list) > present {
				return ""
			}
			return fmt.Sprintf("%d ModelServings, %d before, %v", len(list), present, err)
		})
		shared.KillAPIServer()
		// Without the plugin that refuses every owner of our kind for half a minute, however the controller behaves.
		if err := shared.StartAPIServerWith(); err != nil {
			t.Fatal(err)
		}
		group.Wait()
		list, err := r.TryList(rig.Servings)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("kill %d: %d ModelServings when everything was created", kill+1, len(list))
		present = len(list)
	}
	awaitCrowd(r, len(boosters), 3*time.Minute)
	r.AwaitChildren(boosters...)
	for _, o := range r.List(rig.Boosters) {
		if failed := rig.ConditionOf(&o, "Failed"); failed.Status != "False" {
			t.Errorf("%s: a passing outage left Failed=%s %s: %s", o.GetName(), failed.Status, failed.Reason, failed.Message)
		}
	}
}

// strict restarts the API server with all its plugins.
func strict(t *testing.T) {
	shared.KillAPIServer()
	if err := shared.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
}

// The controller is cut off while the world moves on and the API server forgets the past (410 Gone): it lists anew and
// misses nothing, deletions included.
func TestGoneAfterCompactionListsAnew(t *testing.T) {
	r := alone(t, "it restarts the API server and compacts etcd")
	proxy, err := shared.NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	r.Start(rig.Flags{Server: proxy.URL})
	active(r, every())
	old := r.Get(rig.Servers, "demo-a").GetUID()
	proxy.Cut()
	if err := r.TryDelete(rig.Servers, "demo-a"); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := r.TryEdit(rig.Boosters, "demo", func(o *unstructured.Unstructured) { rig.Spec(o)["owner"] = fmt.Sprintf("owner-%d", i) }); err != nil {
			t.Fatal(err)
		}
	}
	shared.KillAPIServer()
	if err := shared.Compact(); err != nil {
		t.Fatal(err)
	}
	if err := shared.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	before := len(r.Requests())
	proxy.Mend()
	r.Eventually(2*rig.Patience, "the deleted child to come back", func() string {
		if o := r.Find(rig.Servers, "demo-a"); o == nil || o.GetUID() == old {
			return "not yet"
		}
		return ""
	})
	r.AwaitInitialized("demo")
	if lists := rig.Count(r.Requests()[before:])["list modelservers"]; lists == 0 {
		t.Error("no list after 410 Gone")
	}
}

// After a short disconnect the watches go on where they were: no list, and what happened meanwhile is seen.
func TestShortDisconnectResumesWithoutList(t *testing.T) {
	t.Parallel()
	if shared.External {
		t.Skip("skipped: the proxy's address is not in a borrowed cluster's certificate")
	}
	r := newRig(t)
	proxy, err := shared.NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	r.Start(rig.Flags{Server: proxy.URL})
	active(r, every())
	before := len(r.Requests())
	proxy.Cut()
	if err := r.TryDelete(rig.Servers, "demo-a"); err != nil {
		t.Fatal(err)
	}
	r.EditSpec("demo", func(spec rig.Object) { spec["owner"] = "somebody" })
	proxy.Mend()
	r.Eventually(rig.Patience, "the deleted child to come back", func() string {
		if r.Find(rig.Servers, "demo-a") == nil {
			return "not yet"
		}
		return ""
	})
	r.AwaitInitialized("demo")
	r.Settle()
	for _, request := range r.Requests()[before:] {
		if request.Verb == "list" {
			t.Errorf("a list after a short disconnect: %s", request.URI)
		}
	}
	if count := rig.Count(r.Requests()[before:]); count["watch modelservers"] == 0 || count["watch modelboosters"] == 0 {
		t.Errorf("the watches were not cut off: %s", rig.Summary(count))
	}
}

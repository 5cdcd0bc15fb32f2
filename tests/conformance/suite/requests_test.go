package conformance

import (
	"strings"
	"testing"
	"time"

	"model-booster.local/conformance/rig"
)

// One new ModelBooster with one backend costs three creates, at most two status writes until it is Active, and no GET.
func TestRequestsOfOneNewModelBooster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	tracer(r, "tracer") // the lists are in
	before := len(r.Requests())
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	requests := r.Requests()[before:]
	count := rig.Count(rig.Writes(requests))
	for _, create := range []string{"create modelservings", "create modelservers", "create modelroutes"} {
		if count[create] != 1 {
			t.Errorf("%s: %d", create, count[create])
		}
		delete(count, create)
	}
	if count["patch modelboosters/status"] > 2 {
		t.Errorf("%d status writes until Active", count["patch modelboosters/status"])
	}
	delete(count, "patch modelboosters/status")
	if len(count) > 0 {
		t.Errorf("further writes: %s", rig.Summary(count))
	}
	if reads := rig.Reads(requests); len(reads) > 0 {
		t.Errorf("reads:\n%s", rig.Describe(reads))
	}
}

// A restart with everything in place costs no write and no GET.
func TestRestartWithEverythingInPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.Start(rig.Flags{})
	for _, o := range []string{"one", "two"} {
		active(r, rig.NewBooster(o, rig.Backend("a", rig.Replicas(1, 3), rig.Scaled), rig.Backend("b", rig.Adapter("law"))))
	}
	first.Stop()
	before := len(r.Requests())
	r.Start(rig.Flags{})
	r.Eventually(rig.Patience, "the lists and watches of the second controller", func() string {
		if count := rig.Count(r.Requests()[before:]); count["watch modelboosters"] == 0 || count["watch modelroutes"] == 0 {
			return rig.Summary(count)
		}
		return ""
	})
	r.Settle()
	requests := r.Requests()[before:]
	if writes := rig.Writes(requests); len(writes) > 0 {
		t.Errorf("writes:\n%s", rig.Describe(writes))
	}
	if reads := rig.Reads(requests); len(reads) > 0 {
		t.Errorf("reads:\n%s", rig.Describe(reads))
	}
	// What it left alone it does know: a child that goes now comes back.
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.AwaitInitialized("tracer")
}

// Events that change nothing cost no request: labels and statuses of children that say what is known already.
func TestUnchangedEventsCostNoRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	before := len(r.Requests())
	for _, resource := range rig.Children {
		for _, child := range r.List(resource) {
			r.Patch(resource, child.GetName(), "somebody", rig.Object{"metadata": rig.Object{"annotations": rig.Object{"example.org/touched": "yes"}}})
		}
	}
	r.Patch(rig.Boosters, "demo", "somebody", rig.Object{"metadata": rig.Object{"labels": rig.Object{"example.org/touched": "yes"}}})
	tracer(r, "tracer")
	requests := rig.About(r.Requests()[before:], "demo", "demo-a")
	if len(requests) > 0 {
		t.Errorf("requests:\n%s", rig.Describe(requests))
	}
}

// Lists carry no resourceVersion at first (never 0, so a lagging replica cannot mislead), watches ask for bookmarks and a
// timeout, and writes name our manager and ask for strict validation of children.
func TestFormOfRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	r.AwaitInitialized("demo")
	r.Settle()
	for _, request := range r.Requests() {
		name := request.Verb + " " + request.URI
		isOurs := request.Group == rig.Boosters.Group || request.Group == rig.Servers.Group
		switch {
		case !isOurs || request.Resource == "":
		case request.Verb == "list":
			if strings.Contains(request.URI, "resourceVersion=") || !strings.Contains(request.URI, "limit=") {
				t.Errorf("first list: %s", name)
			}
		case request.Verb == "watch":
			if !strings.Contains(request.URI, "allowWatchBookmarks=true") || !strings.Contains(request.URI, "timeoutSeconds=") ||
				strings.Contains(request.URI, "resourceVersion=0") || strings.Contains(request.URI, "labelSelector") {
				t.Errorf("watch: %s", name)
			}
		case request.Write():
			if request.Verb != "delete" && !strings.Contains(request.URI, "fieldManager=model-booster") {
				t.Errorf("write without our manager: %s", name)
			}
			if (request.Verb == "create" || request.Verb == "patch") && request.Subresource == "" && !strings.Contains(request.URI, "fieldValidation=Strict") {
				t.Errorf("write of a child without strict validation: %s", name)
			}
			if request.Verb == "update" {
				t.Errorf("changes are patches: %s", name)
			}
		}
	}
}

// SIGTERM ends the controller promptly and with exit status 0, idle and in the middle of work.
func TestSigtermExitsPromptly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	idle := r.Start(rig.Flags{})
	tracer(r, "tracer")
	if took := idle.Stop(); took > 2*time.Second {
		t.Errorf("idle, it took %s", took)
	}
	busy := r.Start(rig.Flags{})
	for _, o := range crowd(40) {
		r.Create(o)
	}
	if took := busy.Stop(); took > 5*time.Second {
		t.Errorf("in the middle of work, it took %s", took)
	}
	r.Start(rig.Flags{})
	awaitCrowd(r, 40, 2*time.Minute)
}

// The log is structured, says each change once, says nothing when nothing changes, and holds no secret at any level.
func TestLogsSayEachChangeOnceAndNoSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.Start(rig.Flags{Extra: []string{"--log-level", "info", "--log-format", "json"}})
	secret := "hunter2-" + r.Namespace
	o := rig.NewBooster("demo", rig.Backend("a", func(b rig.Object) {
		b["env"] = []any{rig.Object{"name": "HF_AUTH_TOKEN", "value": secret}}
	}))
	active(r, o)
	log := c.Log()
	created := 0
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}") {
			t.Errorf("not a JSON line: %q", line)
		}
		if strings.Contains(line, "demo") && strings.Contains(line, "ModelServing") && strings.Contains(line, "created") {
			created++
		}
	}
	if created != 1 {
		t.Errorf("the creation of the ModelServing is logged %d times:\n%s", created, log)
	}
	r.Patch(rig.Boosters, "demo", "somebody", rig.Object{"metadata": rig.Object{"labels": rig.Object{"example.org/touched": "yes"}}})
	tracer(r, "tracer")
	for _, line := range strings.Split(strings.TrimPrefix(c.Log(), log), "\n") {
		if strings.Contains(line, `"demo"`) || strings.Contains(line, `"demo-a"`) {
			t.Errorf("logged though nothing changed: %s", line)
		}
	}
	c.Stop()
	verbose := r.Start(rig.Flags{Extra: []string{"--log-level", "debug"}})
	r.EditSpec("demo", func(spec rig.Object) { rig.Image("registry.example/vllm:2")(rig.BackendOf(spec, "a")) })
	r.AwaitInitialized("demo")
	verbose.Stop()
	for _, text := range []string{c.Log(), verbose.Log()} {
		if strings.Contains(text, secret) || strings.Contains(text, r.User.Token) {
			t.Error("the log holds a secret")
		}
	}
}

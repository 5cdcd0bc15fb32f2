package rig

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"model-booster.local/conformance/cluster"
)

// Requests of this test's user so far. The test is skipped where there is no audit log.
func (r *Rig) Requests() []cluster.Request {
	r.T.Helper()
	return r.RequestsOf(r.User)
}

// RequestsOf another user of the same test.
func (r *Rig) RequestsOf(user cluster.User) []cluster.Request {
	r.T.Helper()
	if r.Cluster.Audit == nil {
		r.T.Skip("skipped: a borrowed cluster shows no audit log")
	}
	return r.Cluster.Audit.Requests(user.Name)
}

// Writes are the requests that change something, without events.
func Writes(requests []cluster.Request) []cluster.Request {
	var writes []cluster.Request
	for _, request := range requests {
		if request.Write() && request.Resource != "events" {
			writes = append(writes, request)
		}
	}
	return writes
}

// Count counts requests as "create modelservings", "patch modelboosters/status" and so on.
func Count(requests []cluster.Request) map[string]int {
	counts := map[string]int{}
	for _, request := range requests {
		counts[request.Verb+" "+request.Kind()]++
	}
	return counts
}

// About keeps the requests whose object has one of the names.
func About(requests []cluster.Request, names ...string) []cluster.Request {
	var kept []cluster.Request
	for _, request := range requests {
		for _, name := range names {
			if request.Name == name {
				kept = append(kept, request)
			}
		}
	}
	return kept
}

// Reads are GETs of single objects of the six kinds: what a controller with a cache has no need of.
func Reads(requests []cluster.Request) []cluster.Request {
	var reads []cluster.Request
	for _, request := range requests {
		if request.Verb == "get" && (request.Group == workloadGroup || request.Group == networkingGroup) && request.Resource != "" {
			reads = append(reads, request)
		}
	}
	return reads
}

// Describe lists requests one per line.
func Describe(requests []cluster.Request) string {
	var text strings.Builder
	for _, request := range requests {
		fmt.Fprintf(&text, "%s %d %s %s %s\n", request.Received.Format("15:04:05.000"), request.Code, request.Verb, request.Kind(), request.Name)
	}
	return text.String()
}

// ExpectOnly fails when there is a write that is not in the allowed list ("patch modelroutes/demo": resource and name).
func (r *Rig) ExpectOnly(requests []cluster.Request, allowed ...string) {
	r.T.Helper()
	for _, request := range Writes(requests) {
		name := request.Verb + " " + request.Kind() + "/" + request.Name
		found := false
		for _, pattern := range allowed {
			found = found || pattern == name
		}
		if !found {
			r.T.Errorf("unexpected write %s; allowed %q; all:\n%s", name, allowed, Describe(requests))
		}
	}
}

// Settle waits until the controllers are idle: no request but watches for half a second. That
// span is an observation, not a hope: work that is ready is sent within milliseconds, and nothing
// a test asserts after Settle depends on the span being long enough for more than that.
func (r *Rig) Settle() {
	r.T.Helper()
	const span = 500 * time.Millisecond
	last, since := -1, time.Now()
	r.Eventually(Patience, "the controller idle", func() string {
		count := 0
		for _, request := range r.Requests() {
			if request.Verb != "watch" {
				count++
			}
		}
		if count != last {
			last, since = count, time.Now()
		}
		if time.Since(since) < span {
			return fmt.Sprintf("%d requests, the last %s ago:\n%s", count, time.Since(since), Describe(tail(r.Requests(), 10)))
		}
		return ""
	})
}

// Watch for a bounded time that a count stays within its bound. Used where the claim is that
// something does not happen: a write loop without back-off makes hundreds of writes in this span, one with back-off a dozen.
func (r *Rig) Observe(span time.Duration, check func() string) {
	r.T.Helper()
	deadline := time.Now().Add(span)
	for time.Now().Before(deadline) {
		if seen := check(); seen != "" {
			r.T.Fatal(seen)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func tail(requests []cluster.Request, n int) []cluster.Request {
	if len(requests) > n {
		return requests[len(requests)-n:]
	}
	return requests
}

// Summary of counts in a stable order, never empty: Eventually takes an empty text for success.
func Summary(counts map[string]int) string {
	if len(counts) == 0 {
		return "no requests"
	}
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s: %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

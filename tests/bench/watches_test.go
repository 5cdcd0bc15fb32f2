package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"model-booster.local/conformance/rig"
)

// Watches: what one more kind in one more namespace costs a controller that follows many namespaces and is idle.
func TestWatchMemory(t *testing.T) {
	const few = 1
	for _, server := range []struct {
		name       string
		isEmbedded bool
		many       int // namespaces
		isBound    bool
	}{
		{"kube-apiserver, HTTP/2", false, sizeFrom("MB_BENCH_NAMESPACES", 50), true},
		{"embedded, HTTP/1.1", true, 10, false},
	} {
		c := startEither(t, server.isEmbedded)
		anonymous := func(namespaces int) int64 {
			r := rig.New(t, c, settings)
			var more []string
			for i := range namespaces - few {
				more = append(more, fmt.Sprintf("idle-%04d", i))
			}
			before := len(r.Requests())
			controller := r.Start(rig.Flags{Namespaces: more})
			r.Eventually(rig.Patience, "the watches", func() string {
				count := rig.Count(r.Requests()[before:])
				for _, resource := range append(rig.Children, rig.Boosters) {
					if count["watch "+resource.Resource] < namespaces {
						return rig.Summary(count)
					}
				}
				return ""
			})
			tracerEdit(r, "tracer")
			r.Settle()
			memory := atRest(r, controller)
			fmt.Printf("#   %s: %d watches over %d connections\n", server.name, namespaces*(len(rig.Children)+1), sockets(t, controller.PID()))
			r.StopAll()
			return memory
		}
		kinds := len(rig.Children) + 1
		one, all := anonymous(few), anonymous(server.many)
		fmt.Printf("#   %s: %d KiB with %d watches, %d KiB with %d\n", server.name, one, few*kinds, all, server.many*kinds)
		bound := 20.0
		if !server.isBound {
			bound = noBound
		}
		report(server.name+": memory of an idle watch", float64(all-one)/float64((server.many-few)*kinds), bound, " KiB")
		c.Stop()
	}
}

// sockets of a process: its connections, as it listens nowhere.
func sockets(t *testing.T, pid int) int {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		if target, _ := os.Readlink(filepath.Join(folder, entry.Name())); strings.HasPrefix(target, "socket:") {
			count++
		}
	}
	return count
}

// atRest is RssAnon once it has stood still for 3 s: after a start what the lists took is given back.
func atRest(r *rig.Rig, controller *rig.Controller) int64 {
	r.T.Helper()
	memory, since := int64(0), time.Now()
	r.Eventually(rig.Patience, "memory at rest", func() string {
		if now, _ := controller.Memory(); now != memory {
			memory, since = now, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return fmt.Sprintf("%d KiB", memory)
		}
		return ""
	})
	return memory
}

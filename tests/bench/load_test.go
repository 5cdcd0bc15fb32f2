package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"model-booster.local/conformance/cluster"
)

// figures of one run of the load generator (load.c).
type figures struct {
	requests, failed, seconds, p50, p99, max, ownCPU float64
}

func (f figures) rate() float64 { return f.requests / f.seconds }

// target is a server with somebody who puts load on it.
type target struct {
	t       *testing.T
	cluster *cluster.Cluster
	name    string
	folder  string
}

// requests sends count requests, inFlight at a time. "@@" in path and body becomes a number from first on.
func (l *target) requests(inFlight, count, first int, method, path, body string) figures {
	l.t.Helper()
	argv := []string{"requests", l.address(), strconv.Itoa(inFlight), strconv.Itoa(count), strconv.Itoa(first), method, path}
	if body != "" {
		argv = append(argv, l.write(body))
	}
	f := l.run(argv)
	fmt.Printf("#   %-10s %-6s %-24s %8.0f/s, p50 %.2f ms, p99 %.2f ms, the client at %.0f %% of a core\n", l.name, method,
		filepath.Base(strings.Split(path, "?")[0]), f.rate(), f.p50, f.p99, 100*f.ownCPU)
	return f
}

// watch opens watches of one path and measures how soon after a write was sent each has seen it.
func (l *target) watch(watchers, writes int, path, writePath, body string) figures {
	l.t.Helper()
	f := l.run([]string{"watch", l.address(), strconv.Itoa(watchers), strconv.Itoa(writes), path, writePath, l.write(body)})
	fmt.Printf("#   %-10s %d watchers, %d writes: p50 %.1f ms, p99 %.1f ms, at most %.1f ms\n", l.name, watchers, writes, f.p50, f.p99, f.max)
	return f
}

func (l *target) address() string { return strings.TrimPrefix(l.cluster.Server, "https://") }

func (l *target) write(body string) string {
	l.t.Helper()
	path := filepath.Join(l.folder, "body.json")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

func (l *target) run(argv []string) figures {
	l.t.Helper()
	command := exec.Command(os.Getenv("MB_BENCH_LOAD"), argv...)
	command.Env = append(os.Environ(), "LOAD_TOKEN="+l.cluster.Administrator().Token)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		l.t.Fatalf("load %v on %s: %v, %s\n%s", argv, l.name, err, output, l.cluster.Logs())
	}
	var f figures
	var bytes float64
	if _, err := fmt.Sscanf(string(output), "requests=%g failed=%g seconds=%g p50_ms=%g p99_ms=%g max_ms=%g bytes=%g own_cpu=%g",
		&f.requests, &f.failed, &f.seconds, &f.p50, &f.p99, &f.max, &bytes, &f.ownCPU); err != nil {
		l.t.Fatalf("load: %v in %q", err, output)
	}
	return f
}

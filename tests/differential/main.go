// Differential sends the same requests to kube-apiserver and to the embedded API server and compares the answers. README.md tells
// how cases are written; run.sh what to set.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"

	"model-booster.local/conformance/cluster"
)

type options struct {
	kubernetes, embedded      string
	cases, known, doc, record string
	only                      string
	parallel                  int
}

// result of one case.
type result struct {
	testcase
	real  []answer
	found []string
	err   error
}

func main() {
	var o options
	flag.StringVar(&o.kubernetes, "kubernetes", "", "etcd and kube-apiserver in one program")
	flag.StringVar(&o.embedded, "embedded", "", "model-booster; without it kube-apiserver is compared with itself")
	flag.StringVar(&o.cases, "cases", "cases", "folder of tables")
	flag.StringVar(&o.known, "known", "known.txt", "differences that stay")
	flag.StringVar(&o.doc, "doc", "", "documentation that gives the reason of each of them")
	flag.StringVar(&o.record, "record", "", "folder for kube-apiserver's answers")
	flag.StringVar(&o.only, "only", "", "only cases whose topic/name matches this expression")
	flag.IntVar(&o.parallel, "parallel", 8, "cases side by side")
	flag.Parse()
	failed, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func run(o options) (int, error) {
	topics, err := readTopics(o.cases)
	if err != nil {
		return 0, err
	}
	rows, err := readKnown(o.known)
	if err != nil {
		return 0, err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return 0, err
	}
	real, embedded, stop, err := start(o)
	if err != nil {
		return 0, err
	}
	defer stop()
	results := playAll(topics, only, o.parallel, real, embedded)
	if o.record != "" {
		if err := record(o.record, results); err != nil {
			return 0, err
		}
	}
	return report(o, results, rows)
}

// start brings up both servers in a temporary folder.
func start(o options) (*server, *server, func(), error) {
	folder, err := os.MkdirTemp("", "differential-")
	if err != nil {
		return nil, nil, nil, err
	}
	var clusters []*cluster.Cluster
	stop := func() {
		for _, c := range clusters {
			c.Stop()
		}
		os.RemoveAll(folder)
	}
	var servers []*server
	for _, name := range []string{"real", "embedded"} {
		settings := cluster.Options{Binary: o.kubernetes, Dir: filepath.Join(folder, name), Users: 2}
		if name == "embedded" {
			settings.Embedded = o.embedded
		}
		c, err := cluster.Start(settings)
		if err != nil {
			stop()
			return nil, nil, nil, err
		}
		clusters = append(clusters, c)
		s, err := newServer(name, c)
		if err == nil {
			err = c.StartManager()
		}
		if err != nil {
			stop()
			return nil, nil, nil, err
		}
		servers = append(servers, s)
	}
	return servers[0], servers[1], stop, nil
}

// playAll plays each topic's setup, then its cases, in any order and side by side.
func playAll(topics []topic, only *regexp.Regexp, parallel int, real, embedded *server) []result {
	var (
		mutex   sync.Mutex
		all     sync.WaitGroup
		results []result
	)
	slots := make(chan struct{}, parallel)
	play := func(c testcase) {
		slots <- struct{}{}
		r := playCase(c, real, embedded)
		<-slots
		mutex.Lock()
		results = append(results, r)
		mutex.Unlock()
	}
	for _, t := range topics {
		var chosen []testcase
		for _, c := range t.cases {
			if only.MatchString(t.name + "/" + c.name) {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) == 0 {
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			if t.setup != nil {
				play(*t.setup)
			}
			for _, c := range chosen {
				all.Add(1)
				go func() {
					defer all.Done()
					play(c)
				}()
			}
		}()
	}
	all.Wait()
	sort.Slice(results, func(i, j int) bool {
		a, b := results[i], results[j]
		return a.topic < b.topic || a.topic == b.topic && a.index < b.index
	})
	return results
}

func playCase(c testcase, real, embedded *server) result {
	r := result{testcase: c}
	var other []answer
	var otherErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		other, otherErr = embedded.play(c)
	}()
	r.real, r.err = real.play(c)
	<-done
	if r.err != nil {
		r.err = fmt.Errorf("real: %w", r.err)
		return r
	}
	if otherErr != nil {
		r.err = fmt.Errorf("embedded: %w", otherErr)
		return r
	}
	for i, p := range c.steps {
		for _, difference := range differences(p, r.real[i], other[i]) {
			r.found = append(r.found, fmt.Sprintf("%d %s", i+1, difference))
		}
	}
	return r
}

func report(o options, results []result, rows []*known) (int, error) {
	passed, failed := 0, 0
	fail := func(format string, arguments ...any) {
		failed++
		fmt.Printf(format+"\n", arguments...)
	}
	for _, r := range results {
		rest := explain(rows, r.topic, r.name, r.found)
		switch {
		case r.err != nil:
			fail("%s/%s\n  %v", r.topic, r.name, r.err)
		case len(rest) > 0:
			fail("%s/%s\n  %s", r.topic, r.name, strings.Join(rest, "\n  "))
		default:
			passed++
		}
	}
	if o.only == "" && o.embedded != "" {
		for _, row := range rows {
			for _, pattern := range row.idle() {
				fail("%s:%d: no such difference any more: remove %q", o.known, row.line, pattern)
			}
		}
	}
	if o.doc != "" {
		text, err := os.ReadFile(o.doc)
		if err != nil {
			return 0, err
		}
		for _, reason := range undocumented(rows, string(text)) {
			fail("%s does not say: %s", o.doc, reason)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed, nil
}

// record writes what kube-apiserver has answered, a file a topic.
func record(folder string, results []result) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	texts := map[string]*strings.Builder{}
	for _, r := range results {
		if texts[r.topic] == nil {
			texts[r.topic] = &strings.Builder{}
		}
		text := texts[r.topic]
		fmt.Fprintf(text, "=== %s\n", r.name)
		for i, a := range r.real {
			p := r.steps[i]
			fmt.Fprintf(text, "%s %s\n", p.method, p.path)
			for _, name := range sortedKeys(p.headers) {
				fmt.Fprintf(text, "%s: %s\n", name, p.headers[name])
			}
			fmt.Fprintf(text, "%s\n-> %d\n", p.body, a.code)
			for _, name := range sortedKeys(a.headers) {
				fmt.Fprintf(text, "%s: %s\n", name, strings.Join(a.headers[name], ", "))
			}
			const most = 20000
			fmt.Fprintf(text, "%.*s\n\n", most, a.raw)
		}
	}
	for topic, text := range texts {
		if err := os.WriteFile(filepath.Join(folder, topic+".txt"), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

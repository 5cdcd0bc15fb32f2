package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// step is one request of a case, as README.md draws it.
type step struct {
	method, path string
	headers      map[string]string
	body         string
	line         int

	user     string            // "": the administrator
	until    []int             // repeated until the status code is one of these
	any      []int             // only that the status code is one of these is compared
	wait     string            // repeated until the body has this
	events   int               // of a watch: closed after so many
	race     int               // so many at once
	fill     int               // length of $FILL
	together bool              // sent at the same time as the next step
	show     []string          // only these parts of the body are compared
	unread   bool              // the body is not compared
	save     map[string]string // variables, from paths into the body
}

// testcase is a sequence of requests that needs nothing but its topic's setup.
type testcase struct {
	topic, name string
	index       int
	steps       []step
}

type topic struct {
	name  string
	setup *testcase
	cases []testcase
}

var (
	requestLine = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) (\S+)$`)
	headerLine  = regexp.MustCompile(`^([A-Z][A-Za-z0-9-]*): ?(.*)$`)
)

var patchTypes = map[string]string{
	"json": "application/json-patch+json", "merge": "application/merge-patch+json",
	"strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml",
}

func readTopics(folder string) ([]topic, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	var topics []topic
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		t, err := parseTopic(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", path, err)
		}
		topics = append(topics, t)
	}
	return topics, nil
}

func parseTopic(name, text string) (topic, error) {
	t := topic{name: name}
	var current *testcase
	finish := func() error {
		if current == nil {
			return nil
		}
		if len(current.steps) == 0 {
			return fmt.Errorf("%s: a case without a request", current.name)
		}
		for i := range current.steps {
			if err := complete(&current.steps[i]); err != nil {
				return err
			}
		}
		if current.name == "setup" {
			t.setup = current
		} else {
			current.index = len(t.cases) + 1
			t.cases = append(t.cases, *current)
		}
		return nil
	}
	for i, line := range strings.Split(text, "\n") {
		var err error
		switch {
		case strings.HasPrefix(line, "=== "):
			err = finish()
			current = &testcase{topic: name, name: strings.TrimSpace(line[4:])}
		case current == nil:
			if line != "" && !strings.HasPrefix(line, "#") {
				err = fmt.Errorf("text before the first case")
			}
		default:
			err = current.take(i+1, line)
		}
		if err != nil {
			return t, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return t, finish()
}

func (c *testcase) take(number int, line string) error {
	if m := requestLine.FindStringSubmatch(line); m != nil {
		c.steps = append(c.steps, step{method: m[1], path: m[2], line: number, headers: map[string]string{}, save: map[string]string{}})
		return nil
	}
	if len(c.steps) == 0 {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			return nil
		}
		return fmt.Errorf("expected a request, found %q", line)
	}
	s := &c.steps[len(c.steps)-1]
	if strings.HasPrefix(line, "!") {
		return s.direct(strings.Fields(line[1:]))
	}
	if s.body == "" {
		if m := headerLine.FindStringSubmatch(line); m != nil {
			s.headers[m[1]] = m[2]
			return nil
		}
		if strings.TrimSpace(line) == "" {
			return nil
		}
	}
	s.body += line + "\n"
	return nil
}

// direct takes in a line that says how a request is sent or what is compared.
func (s *step) direct(words []string) error {
	rest := words[1:]
	numbers := func() (list []int) {
		for _, word := range rest {
			n, _ := strconv.Atoi(word)
			list = append(list, n)
		}
		return list
	}
	switch words[0] {
	case "patch":
		s.headers["Content-Type"] = patchTypes[rest[0]]
	case "user":
		s.user = rest[0]
	case "until":
		s.until = numbers()
	case "any":
		s.any = numbers()
	case "wait":
		s.wait = rest[0]
	case "events":
		s.events = numbers()[0]
	case "race":
		s.race = numbers()[0]
	case "fill":
		s.fill = numbers()[0]
	case "together":
		s.together = true
	case "unread":
		s.unread = true
	case "show":
		s.show = append(s.show, rest...)
	case "save":
		s.save[rest[0]] = rest[1]
	default:
		return fmt.Errorf("unknown directive !%s", words[0])
	}
	return nil
}

// complete turns a YAML body into JSON unless the request says that it is something else.
func complete(s *step) error {
	s.body = strings.TrimRight(s.body, "\n")
	kind, given := s.headers["Content-Type"]
	if s.body == "" || given && !strings.HasSuffix(kind, "patch+json") && kind != patchTypes["apply"] {
		return nil
	}
	if !given {
		s.headers["Content-Type"] = "application/json"
	}
	if strings.HasPrefix(s.body, "{") || strings.HasPrefix(s.body, "[") {
		return nil
	}
	data, err := yaml.YAMLToJSON([]byte(s.body))
	s.body = string(data)
	if err != nil {
		return fmt.Errorf("%d: %w", s.line, err)
	}
	return nil
}

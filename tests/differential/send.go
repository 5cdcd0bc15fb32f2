package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"model-booster.local/conformance/cluster"
)

// Headers that clients read.
var headers = []string{"Content-Type", "Content-Encoding", "Warning", "Location", "Retry-After", "Allow", "Www-Authenticate"}

// answer to one request, masked.
type answer struct {
	code    int
	headers map[string][]string
	body    any    // JSON, or a list of the objects of a watch
	text    string // what is not JSON
	raw     []byte
}

// server is one of the two that are compared.
type server struct {
	name    string
	cluster *cluster.Cluster
	clients map[string]*http.Client // by the user that a step names
}

// User names that steps may use: "none" has no token, "wrong" one that nobody has, the others have no rights but those they are given.
func newServer(name string, c *cluster.Cluster) (*server, error) {
	s := &server{name: name, cluster: c, clients: map[string]*http.Client{}}
	add := func(user string, config *rest.Config) error {
		config.TLSClientConfig.NextProtos = []string{"http/1.1"}
		config.DisableCompression = true
		client, err := rest.HTTPClientFor(config)
		s.clients[user] = client
		return err
	}
	if err := add("", c.Config()); err != nil {
		return nil, err
	}
	if err := add("none", c.ConfigOf(cluster.User{})); err != nil {
		return nil, err
	}
	if err := add("wrong", c.ConfigOf(cluster.User{Token: "nobody-has-this"})); err != nil {
		return nil, err
	}
	for _, name := range []string{"ann", "ben"} {
		user, err := c.NewUser()
		if err != nil {
			return nil, err
		}
		if err := add(name, c.ConfigOf(user)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// play sends the requests of a case and returns the answers, one a step.
func (s *server) play(c testcase) ([]answer, error) {
	m := newMask(c, s.cluster.Server)
	if slices.ContainsFunc(c.steps, func(p step) bool { return strings.Contains(p.path+p.body, "$NS") }) {
		body := `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + m.variables["NS"] + `"}}`
		made, err := s.send(step{method: "POST", path: "/api/v1/namespaces", body: body, headers: map[string]string{"Content-Type": "application/json"}}, m, 0)
		if err != nil || made.code != http.StatusCreated {
			return nil, fmt.Errorf("namespace: %d %s %v", made.code, made.raw, err)
		}
	}
	answers := make([]answer, len(c.steps))
	for i := 0; i < len(c.steps); i++ {
		var together sync.WaitGroup
		errors := make([]error, len(c.steps))
		for c.steps[i].together && i+1 < len(c.steps) {
			together.Add(1)
			go func(i int) {
				defer together.Done()
				answers[i], errors[i] = s.send(c.steps[i], m, 0)
			}(i)
			i++
		}
		answers[i], errors[i] = s.take(c.steps[i], m)
		together.Wait()
		for _, err := range errors {
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", c.steps[i].line, err)
			}
		}
	}
	return answers, nil
}

// take sends a step as often as it asks for, and masks what is compared.
func (s *server) take(p step, m *mask) (answer, error) {
	if p.race > 0 {
		return s.race(p, m)
	}
	const patience = 20 * time.Second
	for begun := time.Now(); ; time.Sleep(25 * time.Millisecond) {
		a, err := s.send(p, m, 0)
		if err != nil {
			return a, err
		}
		if (p.until == nil || slices.Contains(p.until, a.code)) && (p.wait == "" || pick(a.body, p.wait) != nil) {
			return a, m.keep(p, &a)
		}
		if time.Since(begun) > patience {
			return a, fmt.Errorf("still %d after %s: %s", a.code, patience, a.raw)
		}
	}
}

// race sends a step several times at once; the answers are compared in order of their text, not of their arrival.
func (s *server) race(p step, m *mask) (answer, error) {
	list := make([]answer, p.race)
	errors := make([]error, p.race)
	var all sync.WaitGroup
	for i := range list {
		all.Add(1)
		go func() {
			defer all.Done()
			list[i], errors[i] = s.send(p, m, i)
		}()
	}
	all.Wait()
	var texts []string
	for i, a := range list {
		if errors[i] != nil {
			return a, errors[i]
		}
		if p.unread {
			a.body = nil
		}
		text, _ := json.Marshal(map[string]any{"code": a.code, "body": m.blind(a.body)})
		texts = append(texts, string(text))
	}
	sort.Strings(texts)
	var body any
	_ = json.Unmarshal([]byte("["+strings.Join(texts, ",")+"]"), &body)
	return answer{body: body}, nil
}

func (s *server) send(p step, m *mask, index int) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fill := func(text string) string {
		text = strings.ReplaceAll(m.fill(text), "$I", strconv.Itoa(index))
		return strings.ReplaceAll(text, "$FILL", strings.Repeat("x", p.fill))
	}
	request, err := http.NewRequestWithContext(ctx, p.method, s.cluster.Server+fill(p.path), strings.NewReader(fill(p.body)))
	if err != nil {
		return answer{}, err
	}
	for name, value := range p.headers {
		request.Header.Set(name, fill(value))
	}
	client := s.clients[p.user]
	if token, found := strings.CutPrefix(p.user, "token:"); found {
		request.Header.Set("Authorization", "Bearer "+fill(token))
		client = s.clients["none"]
	}
	if client == nil {
		return answer{}, fmt.Errorf("nobody is called %q", p.user)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{code: response.StatusCode, headers: map[string][]string{}}
	for _, name := range headers {
		if values := response.Header.Values(name); len(values) > 0 {
			a.headers[name] = values
		}
	}
	if p.events > 0 && response.StatusCode == http.StatusOK {
		a.raw, err = firstLines(response.Body, p.events)
	} else {
		a.raw, err = io.ReadAll(response.Body)
	}
	return a.decode(m), err
}

func firstLines(stream io.Reader, count int) ([]byte, error) {
	reader := bufio.NewReaderSize(stream, 1<<16)
	var data []byte
	for range count {
		line, err := reader.ReadBytes('\n')
		data = append(data, line...)
		if err != nil {
			return data, fmt.Errorf("after %q: %w", data, err)
		}
	}
	return data, nil
}

// decode reads a body as the JSON objects that follow each other in it, where it holds such.
func (a answer) decode(m *mask) answer {
	decoder := json.NewDecoder(strings.NewReader(string(a.raw)))
	decoder.UseNumber()
	var list []any
	for {
		var value any
		err := decoder.Decode(&value)
		if err == io.EOF {
			break
		}
		if err != nil {
			a.text = string(a.raw)
			if a.code != http.StatusNotFound { // which says so in numbers
				a.text = m.text(a.text)
			}
			return a
		}
		list = append(list, value)
	}
	if len(list) == 1 {
		a.body = list[0]
	} else if len(list) > 1 {
		a.body = list
	}
	return a
}

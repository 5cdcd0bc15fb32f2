package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var (
	timePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	agePattern  = regexp.MustCompile(`^\d+[smhd]$`)
	uidPattern  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	head        = regexp.MustCompile(`(resource version: \d+, current: )\d+`)
	revisions   = regexp.MustCompile(`(^|[ ("=])\d{2,}\b`)
	innerTime   = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\\?"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC`)
)

// mask hides what no two servers can agree on, and nothing of what follows from it: the first uid of a case is UID1 wherever it
// comes again, the first revision of an object RV1. A write that changes nothing is seen to keep its revision.
type mask struct {
	mutex     sync.Mutex
	host      string
	variables map[string]string
	seen      map[string]string
	uids, rvs int
}

func newMask(c testcase, url string) *mask {
	id := fmt.Sprintf("%s-%d", c.topic, c.index)
	return &mask{host: strings.TrimPrefix(url, "https://"), variables: map[string]string{"NS": "ns-" + id, "ID": id}, seen: map[string]string{}}
}

// fill replaces the variables of a text; a longer name wins over its beginning.
func (m *mask) fill(text string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, found := m.variables[name[1:]]; found {
			return value
		}
		return name
	})
}

var variable = regexp.MustCompile(`\$[A-Z][A-Z0-9]*`)

const warningCode = "299 - "

// keep saves what later steps use, and masks the answer.
func (m *mask) keep(p step, a *answer) error {
	for name, path := range p.save {
		value := pick(a.body, path)
		text, isText := value.(string)
		if value == nil {
			return fmt.Errorf("line %d: no %s to save in %d %.300s", p.line, path, a.code, a.raw)
		}
		if !isText {
			data, _ := json.Marshal(value)
			text = string(data)
		}
		m.mutex.Lock()
		m.variables[name] = text
		m.mutex.Unlock()
	}
	a.body = m.value("", a.body, nil)
	for _, values := range a.headers {
		for i := range values {
			// the code of a warning is none of an object, though one may have come to that revision
			rest, isWarning := strings.CutPrefix(values[i], warningCode)
			values[i] = m.text(rest)
			if isWarning {
				values[i] = warningCode + values[i]
			}
		}
	}
	return nil
}

func (m *mask) named(kind string, count *int, value string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if name, found := m.seen[value]; found {
		return name
	}
	*count++
	m.seen[value] = kind + strconv.Itoa(*count)
	return m.seen[value]
}

// text masks what may stand within a message.
func (m *mask) text(text string) string {
	text = uidPattern.ReplaceAllStringFunc(text, func(uid string) string { return m.named("UID", &m.uids, uid) })
	m.mutex.Lock()
	defer m.mutex.Unlock()
	text = head.ReplaceAllString(strings.ReplaceAll(text, m.host, "HOST"), "${1}RV")
	text = innerTime.ReplaceAllString(text, "TIME")
	return revisions.ReplaceAllStringFunc(text, func(match string) string {
		number := strings.TrimLeft(match, ` ("=`)
		if name, found := m.seen[number]; found {
			return strings.TrimSuffix(match, number) + name
		}
		return match
	})
}

func (m *mask) value(key string, value any, parent map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		made := map[string]any{}
		for _, name := range sortedKeys(v) {
			made[m.text(name)] = m.value(name, v[name], v)
		}
		if prefix, is := v["generateName"].(string); is && prefix != "" {
			if name, _ := v["name"].(string); len(name) == len(prefix)+5 && strings.HasPrefix(name, prefix) {
				made["name"] = prefix + "*****"
			}
		}
		return made
	case []any:
		made := make([]any, len(v))
		for i := range v {
			made[i] = m.value("", v[i], nil)
		}
		if key == "managedFields" {
			slices.SortStableFunc(made, func(a, b any) int { return strings.Compare(manager(a), manager(b)) })
		}
		return made
	case string:
		return m.string(key, v, parent)
	}
	return value
}

// manager orders managedFields, whose own order depends on the second in which each was written.
func manager(entry any) string {
	fields, _ := entry.(map[string]any)
	return fmt.Sprint(fields["manager"], fields["operation"], fields["subresource"], fields["apiVersion"])
}

func (m *mask) string(key, text string, parent map[string]any) string {
	_, ofObject := parent["name"]
	switch {
	case text == "":
		return text
	case key == "resourceVersion" && ofObject:
		return m.named("RV", &m.rvs, text)
	case key == "resourceVersion":
		return "RV"
	case key == "continue":
		return "CONTINUE"
	case key == "token" && len(text) > 40:
		return "TOKEN"
	case timePattern.MatchString(text):
		return "TIME"
	case agePattern.MatchString(text):
		return "AGE"
	}
	return m.text(text)
}

// blind masks a body whose place in the sequence is left to chance.
func (m *mask) blind(value any) any {
	data, _ := json.Marshal(m.value("", value, nil))
	text := regexp.MustCompile(`"(RV|UID)\d+"`).ReplaceAllString(string(data), `"$1"`)
	var made any
	_ = json.Unmarshal([]byte(text), &made)
	return made
}

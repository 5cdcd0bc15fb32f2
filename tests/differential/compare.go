package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

var pathPart = regexp.MustCompile(`\.([A-Za-z0-9_/-]+)|\[([^\]]*)\]`)

// pick follows a path such as .items[name=x].spec or .paths["/api/v1"]; an element of a list is named by its index or a field.
func pick(value any, path string) any {
	for _, part := range pathPart.FindAllStringSubmatch(path, -1) {
		name := part[1]
		if name == "" {
			name = strings.Trim(part[2], `"`)
		}
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			value = element(v, name)
		default:
			return nil
		}
	}
	return value
}

func element(list []any, which string) any {
	if index, err := strconv.Atoi(which); err == nil && index < len(list) {
		return list[index]
	}
	field, want, _ := strings.Cut(which, "=")
	for _, item := range list {
		if fmt.Sprint(pick(item, "."+field)) == want {
			return item
		}
	}
	return nil
}

// differences of two answers to one step: "where: real X, embedded Y".
func differences(p step, real, embedded answer) []string {
	var found []string
	note := func(where string, a, b any) {
		found = append(found, fmt.Sprintf("%s: real %s, embedded %s", where, short(a), short(b)))
	}
	if p.any != nil {
		if !slices.Contains(p.any, real.code) || !slices.Contains(p.any, embedded.code) {
			note("code", real.code, embedded.code)
		}
		return found
	}
	if real.code != embedded.code {
		note("code", real.code, embedded.code)
	}
	for _, name := range headers {
		if a, b := real.headers[name], embedded.headers[name]; !reflect.DeepEqual(a, b) {
			note("header "+name, a, b)
		}
	}
	if p.unread {
		return found
	}
	if p.show != nil {
		for _, path := range p.show {
			compare("body"+path, pick(real.body, path), pick(embedded.body, path), note)
		}
		return found
	}
	compare("body", real.body, embedded.body, note)
	if real.text != embedded.text {
		note("text", real.text, embedded.text)
	}
	return found
}

func compare(where string, a, b any, note func(string, any, any)) {
	switch x := a.(type) {
	case map[string]any:
		y, same := b.(map[string]any)
		if !same {
			note(where, a, b)
			return
		}
		keys := map[string]bool{}
		for key := range x {
			keys[key] = true
		}
		for key := range y {
			keys[key] = true
		}
		for _, key := range sortedKeys(keys) {
			_, left := x[key]
			_, right := y[key]
			if left && right {
				compare(where+"."+key, x[key], y[key], note)
			} else if left {
				note(where+"."+key, x[key], nothing{})
			} else {
				note(where+"."+key, nothing{}, y[key])
			}
		}
	case []any:
		y, same := b.([]any)
		if !same || len(x) != len(y) {
			note(where, a, b)
			return
		}
		for i := range x {
			compare(fmt.Sprintf("%s[%d]", where, i), x[i], y[i], note)
		}
	default:
		if !reflect.DeepEqual(a, b) {
			note(where, a, b)
		}
	}
}

// nothing stands for a field that is absent.
type nothing struct{}

func short(value any) string {
	if _, is := value.(nothing); is {
		return "nothing"
	}
	data, _ := json.Marshal(value)
	const most = 1500
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}

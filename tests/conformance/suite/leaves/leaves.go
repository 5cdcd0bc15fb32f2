// Package leaves finds every leaf of an object of which a schema tells, whether it is there or not, and makes other values for it.
package leaves

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// Object is a JSON object.
type Object = map[string]any

// Leaf is a scalar of an object, or the place of one that is not there.
type Leaf struct {
	Path    []any // keys and indexes
	Schema  Object
	Value   any // nil: absent
	Present bool
	Orphan  bool // not even what it would be in is there
}

// Text is the path as messages have it: spec.backends[0].name.
func (l Leaf) Text() string {
	var text strings.Builder
	for _, step := range l.Path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&text, "[%d]", step)
		default:
			if text.Len() > 0 {
				text.WriteByte('.')
			}
			fmt.Fprint(&text, step)
		}
	}
	return text.String()
}

// In says whether a leaf lies under a field of this name.
func (l Leaf) In(name string) bool {
	for _, step := range l.Path {
		if step == name {
			return true
		}
	}
	return false
}

// Of lists the leaves of a value in a fixed order: those that are there, and those that its schema would allow. Where the schema says
// nothing (a field that keeps what it does not know) what is there counts. Of a list that is not there, one item is thought of.
func Of(value any, schema Object, path ...any) (found []Leaf) {
	properties, _ := schema["properties"].(Object)
	additional, _ := schema["additionalProperties"].(Object)
	items, _ := schema["items"].(Object)
	under := func(step, value any, schema Object) {
		found = append(found, Of(value, schema, append(append([]any(nil), path...), step)...)...)
	}
	if list, isList := value.([]any); isList || items != nil {
		for i := range max(1, len(list)) {
			if i < len(list) {
				under(i, list[i], items)
			} else if items != nil {
				under(i, nil, items)
			}
		}
		return found
	}
	object, isObject := value.(Object)
	if !isObject && properties == nil && additional == nil {
		isOpaque := value == nil && schema["x-kubernetes-preserve-unknown-fields"] == true
		if isOpaque || len(path) == 0 {
			return nil
		}
		return []Leaf{{Path: path, Schema: schema, Value: value, Present: value != nil}}
	}
	defer func() {
		for i := range found {
			found[i].Orphan = found[i].Orphan || value == nil
		}
	}()
	for _, key := range keys(properties, object) {
		inner, isKnown := properties[key].(Object)
		if !isKnown {
			inner = additional
		}
		if inner == nil {
			inner = Object{}
		}
		under(key, object[key], inner)
	}
	if additional != nil {
		under("added", nil, additional)
	}
	return found
}

func keys(maps ...Object) []string {
	seen := map[string]bool{}
	var names []string
	for _, m := range maps {
		for name := range m {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

// Set puts a value at a path, and makes what is missing on the way.
func Set(root Object, path []any, value any) { set(root, path, value) }

func set(at any, path []any, value any) any {
	if len(path) == 0 {
		return value
	}
	if index, isIndex := path[0].(int); isIndex {
		list, _ := at.([]any)
		for len(list) <= index {
			list = append(list, nil)
		}
		list[index] = set(list[index], path[1:], value)
		return list
	}
	object, _ := at.(Object)
	if object == nil {
		object = Object{}
	}
	object[path[0].(string)] = set(object[path[0].(string)], path[1:], value)
	return object
}

// Remove takes a key away; an item of a list stays where it is.
func Remove(root Object, path []any) bool {
	var at any = root
	for _, step := range path[:len(path)-1] {
		switch step := step.(type) {
		case int:
			at = at.([]any)[step]
		case string:
			at = at.(Object)[step]
		}
	}
	object, isObject := at.(Object)
	if isObject {
		delete(object, path[len(path)-1].(string))
	}
	return isObject
}

// Texts to try, most likely to please some rule first; and texts to displease.
var (
	pleasing = []string{"changed", "45s", "7", "hf://example/changed", "hostpath:///var/changed", "2Gi", "/changed", "NotIn", "Equal", "NoExecute",
		"DoNotSchedule", "soft", "vLLM", `{"kv_connector": "MooncakeConnector"}`}
	displeasing = []string{"", " ", "Not Valid!", "-", "0", "soon", "31m", "-1s", "hf://", "{", strings.Repeat("a", 70), strings.Repeat("b", 300)}
	numbers     = []int64{1, 2, 3, 5, 50, 120, 150, 0}
	outOfRange  = []int64{-1, 0, 17, 101, 1_000_000, 2_000_000_000}
	counted     = regexp.MustCompile(`^(.*?)(\d+)(\D*)$`)
)

// Others are values of the leaf's type that are not its own, the most likely valid first.
func (l Leaf) Others() []any { return l.values(numbers, pleasing) }

// Wrong are values of its type that some rule may refuse.
func (l Leaf) Wrong() []any { return l.values(outOfRange, displeasing) }

func (l Leaf) values(numbers []int64, texts []string) []any {
	var values []any
	add := func(value any) {
		if fmt.Sprintf("%T%v", value, value) != fmt.Sprintf("%T%v", l.Value, l.Value) {
			values = append(values, value)
		}
	}
	choices, _ := l.Schema["enum"].([]any)
	for _, choice := range choices {
		add(choice)
	}
	kind, _ := l.Schema["type"].(string)
	switch l.Value.(type) {
	case bool:
		kind = "boolean"
	case int64, float64:
		kind = "integer"
	case string:
		kind = "string"
	}
	isEither := l.Schema["x-kubernetes-int-or-string"] == true
	if len(choices) > 0 {
		return values
	}
	if kind == "boolean" {
		add(true)
		add(false)
	}
	if kind == "integer" || isEither {
		if number, isNumber := l.Value.(int64); isNumber {
			add(number + 1)
			add(number - 1)
		}
		for _, number := range numbers {
			add(number)
		}
	}
	if kind == "string" || isEither {
		if text, isText := l.Value.(string); isText {
			for _, nearby := range near(text) {
				add(nearby)
			}
		}
		for _, text := range texts {
			add(text)
		}
	}
	return values
}

// near are texts like this one: with another number in it, and longer.
func near(text string) []string {
	if parts := counted.FindStringSubmatch(text); parts != nil && len(parts[2]) < 6 {
		var number int
		fmt.Sscan(parts[2], &number)
		return []string{fmt.Sprintf("%s%d%s", parts[1], number+1, parts[3]), text + "x"}
	}
	return []string{text + "x"}
}

// Copy is a deep copy of a JSON object whose whole numbers are int64.
func Copy(object Object) Object {
	data, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var out Object
	if err := decoder.Decode(&out); err != nil {
		panic(err)
	}
	return whole(out).(Object)
}

func whole(value any) any {
	switch value := value.(type) {
	case Object:
		for key := range value {
			value[key] = whole(value[key])
		}
	case []any:
		for i := range value {
			value[i] = whole(value[i])
		}
	case json.Number:
		if number, err := value.Int64(); err == nil {
			return number
		}
		number, _ := value.Float64()
		return number
	}
	return value
}

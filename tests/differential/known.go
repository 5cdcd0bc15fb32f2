package main

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"strings"
)

// known is a difference that stays, and why: a row of known.txt. Cases and places are patterns with semicolons between them.
type known struct {
	cases, where, reason string
	line                 int
	met                  map[string]bool // the patterns, of cases and of places, that some difference has met
}

// idle are the row's patterns that no difference has met.
func (k *known) idle() (list []string) {
	for _, pattern := range strings.Split(k.cases+";"+k.where, ";") {
		if pattern = strings.TrimSpace(pattern); !k.met[pattern] {
			list = append(list, pattern)
		}
	}
	return list
}

func readKnown(name string) ([]*known, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var rows []*known
	scanner := bufio.NewScanner(file)
	for number := 1; scanner.Scan(); number++ {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, " | ", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s:%d: expected CASES | WHERE | REASON", name, number)
		}
		rows = append(rows, &known{strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2]), number, map[string]bool{}})
	}
	return rows, scanner.Err()
}

// explain drops the differences of a case that are known. where is matched against what stands before ": real".
func explain(rows []*known, topic, name string, found []string) []string {
	var rest []string
	for _, difference := range found {
		where, _, _ := strings.Cut(difference, ": real ")
		explained := false
		for _, row := range rows {
			cases, places := matching(row.cases, topic+"/"+name), matching(row.where, where)
			if len(cases) == 0 || len(places) == 0 {
				continue
			}
			explained = true
			for _, pattern := range append(cases, places...) {
				row.met[pattern] = true
			}
		}
		if !explained {
			rest = append(rest, difference)
		}
	}
	return rest
}

// matching are those of the patterns, between semicolons, that fit.
func matching(patterns, text string) (list []string) {
	for _, pattern := range strings.Split(patterns, ";") {
		if pattern = strings.TrimSpace(pattern); matches(pattern, text) {
			list = append(list, pattern)
		}
	}
	return list
}

// matches is path.Match with * for slashes, too, and brackets that mean themselves.
func matches(pattern, text string) bool {
	plain := strings.NewReplacer("/", "\x01", "[", `\[`)
	is, _ := path.Match(plain.Replace(pattern), strings.ReplaceAll(text, "/", "\x01"))
	return is
}

// undocumented lists the reasons that the documentation does not give.
func undocumented(rows []*known, text string) []string {
	var list []string
	seen := map[string]bool{}
	for _, row := range rows {
		if !seen[row.reason] && !strings.Contains(text, row.reason) {
			list = append(list, row.reason)
		}
		seen[row.reason] = true
	}
	return list
}

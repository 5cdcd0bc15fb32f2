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
	met                  bool
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
		rows = append(rows, &known{strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2]), number, false})
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
			if matchesAny(row.cases, topic+"/"+name) && matchesAny(row.where, where) {
				row.met, explained = true, true
			}
		}
		if !explained {
			rest = append(rest, difference)
		}
	}
	return rest
}

// matchesAny takes patterns with semicolons between them.
func matchesAny(patterns, text string) bool {
	for _, pattern := range strings.Split(patterns, ";") {
		if matches(strings.TrimSpace(pattern), text) {
			return true
		}
	}
	return false
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

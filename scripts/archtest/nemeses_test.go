package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNemeses holds the README's table of what breaks and what holds: each row has a promise and something that shows
// it, and each test and target that it names is there.
func TestNemeses(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, begins := strings.Cut(string(text), "<!-- nemeses -->\n")
	table, _, ends := strings.Cut(table, "<!-- /nemeses -->")
	if !begins || !ends {
		t.Fatal("README.md has no table between <!-- nemeses --> and <!-- /nemeses -->")
	}
	targets, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")[2:]
	if len(rows) < 20 {
		t.Errorf("only %d rows", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(row, "|")
		if len(cells) != 6 || strings.TrimSpace(cells[2]) == "" {
			t.Errorf("not four cells, the second with a promise: %s", row)
			continue
		}
		shows := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1)
		if len(shows) == 0 {
			t.Errorf("nothing shows it: %s", row)
		}
		for _, show := range shows {
			if what, there := exists(t, show[1], string(targets)); !there {
				t.Errorf("%s: there is no %s", show[1], what)
			}
		}
	}
}

// exists says whether there is a test "folder: TestName" or a target "make name". Else it must be a command.
func exists(t *testing.T, name, targets string) (what string, there bool) {
	t.Helper()
	if target, ok := strings.CutPrefix(name, "make "); ok {
		return "target", strings.Contains(targets, "\n"+target+": ")
	}
	folder, test, ok := strings.Cut(name, ": ")
	if !ok {
		return "command", strings.HasPrefix(name, "meridian ")
	}
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return "test", true
		}
	}
	return "test", false
}

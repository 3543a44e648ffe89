package observability_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"meridian/cluster/layout"
	"meridian/cluster/observability"
)

// board is what is held of a dashboard.
type board struct {
	Title  string
	Panels []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct{ Name, Query string }
	}
}

// TestDashboardNamesMetricsThatExist reads the dashboard beside METRICS.md.
func TestDashboardNamesMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal([]byte(observability.Dashboard()), &b); err != nil {
		t.Fatal(err)
	}
	exists := func(name string) bool {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && strings.Contains(string(text), "| `"+base+"` |") {
				return true
			}
		}
		return false
	}
	names := regexp.MustCompile(`meridian_[a-z_]+`)
	used, ids := []string{}, []int{}
	taken := map[[2]int]string{} // cells of the grid
	for _, p := range b.Panels {
		if p.Title == "" || slices.Contains(ids, p.ID) {
			t.Errorf("panel %d %q: without a title, or its id is taken", p.ID, p.Title)
		}
		ids = append(ids, p.ID)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[cell]; other != "" || cell[0] >= 24 {
					t.Fatalf("panel %q lies on %q, or outside", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Description == "" {
			t.Errorf("panel %q shows nothing, or does not say what", p.Title)
		}
		for _, target := range p.Targets {
			found := names.FindAllString(target.Expr, -1)
			if len(found) == 0 && !strings.Contains(target.Expr, "process_") {
				t.Errorf("panel %q: no metric in %s", p.Title, target.Expr)
			}
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") || strings.Count(target.Expr, "{") != strings.Count(target.Expr, "}") {
				t.Errorf("panel %q: unbalanced: %s", p.Title, target.Expr)
			}
			used = append(used, found...)
		}
	}
	for _, v := range b.Templating.List {
		used = append(used, names.FindAllString(v.Query, -1)...)
	}
	for _, name := range used {
		if !exists(name) {
			t.Errorf("the dashboard names %s, which is not in %s", name, reference)
		}
	}
	slices.Sort(used)
	if n := len(slices.Compact(used)); n < 30 {
		t.Errorf("the dashboard shows %d metrics", n)
	}
}

// TestScrapeConfig has every process in it once.
func TestScrapeConfig(t *testing.T) {
	file := &layout.Cluster{Host: "127.0.0.1", Port: 4600, Regions: []layout.Region{
		{Name: "us-east-1", Nodes: []layout.Node{{KMS: "127.0.0.1:4611"}, {KMS: "127.0.0.1:4612"}}},
		{Name: "eu-west-1", Nodes: []layout.Node{{KMS: "127.0.0.1:4621"}}},
	}}
	var config struct {
		Jobs []struct {
			Name    string                       `yaml:"job_name"`
			Statics []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(observability.ScrapeConfig(file)), &config); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, job := range config.Jobs {
		for _, s := range job.Statics {
			for _, target := range s.Targets {
				got = append(got, job.Name+" "+target)
			}
		}
	}
	want := []string{
		"meridian-front 127.0.0.1:4600", "meridian-nodes 127.0.0.1:4611", "meridian-nodes 127.0.0.1:4612", "meridian-nodes 127.0.0.1:4621",
	}
	if !slices.Equal(got, want) {
		t.Errorf("scrapes %q, want %q", got, want)
	}
}

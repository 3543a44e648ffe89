package observability

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/layout"
)

//go:embed dashboard.json
var dashboard string

// Dashboard returns a dashboard for Grafana, as the file that its import takes.
func Dashboard() string { return dashboard }

// ScrapeConfig returns a configuration with which Prometheus scrapes every process of a cluster. Nodes keep their
// addresses when they are replaced: it has to be made anew only when Regions or nodes are added.
func ScrapeConfig(file *layout.Cluster) string {
	var b strings.Builder
	b.WriteString("global:\n  scrape_interval: 5s\n\nscrape_configs:\n")
	b.WriteString("  - job_name: meridian-front\n    static_configs:\n")
	fmt.Fprintf(&b, "      - targets: [%q]\n", file.Addr(file.Port))
	b.WriteString("  - job_name: meridian-nodes\n    static_configs:\n")
	for _, r := range file.Regions {
		var addrs []string
		for _, n := range r.Nodes {
			addrs = append(addrs, fmt.Sprintf("%q", n.KMS))
		}
		fmt.Fprintf(&b, "      - targets: [%s] # %s\n", strings.Join(slices.Compact(addrs), ", "), r.Name)
	}
	return b.String()
}

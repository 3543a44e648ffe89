package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Module is the path of the module whose packages are held.
const Module = "meridian"

// Floor is where a package stands. An import goes to the same floor or down.
type Floor struct {
	Number  int
	Adapter bool     // knows neither another adapter nor the package region
	But     []string // adapters that this adapter may know all the same
}

// Floors returns where each package stands, by its folder. A folder that ends in /... stands for all below it
// that have no entry of their own.
func Floors() map[string]Floor {
	return map[string]Floor{
		// Values and rules: no clock, no randomness, no goroutine, nothing outside the process.
		"keyengine":                 {Number: 0},
		"keyengine/arn":             {Number: 0},
		"keyengine/attestation/...": {Number: 0},
		"keyengine/canonical":       {Number: 0},
		"keyengine/ciphertext":      {Number: 0},
		"keyengine/family":          {Number: 0},
		"keyengine/identity":        {Number: 0},
		"keyengine/keyspec":         {Number: 0},
		"keyengine/kmsapi":          {Number: 0},
		"keyengine/policy":          {Number: 0},
		"keyengine/rows/...":        {Number: 0},
		"keyengine/strictyaml":      {Number: 0},
		"replication/lagprofile":    {Number: 0},

		// What a Region is made of, as promises: key material, the log, the relay, the folder.
		"keyengine/primitive/...": {Number: 1},
		"keyengine/keyring":       {Number: 1},
		"eventlog":                {Number: 1},
		"eventlog/codec":          {Number: 1},
		"eventlog/logtest":        {Number: 1},
		"replication":             {Number: 1},
		"replication/bustest":     {Number: 1},
		"region/trace":            {Number: 1},
		"cluster/layout":          {Number: 1},
		"cluster/world":           {Number: 1},

		// The behaviour of one Region, and what fulfils the promises with real parts or models of them.
		"region":                  {Number: 2},
		"region/audit":            {Number: 2, Adapter: true},
		"region/keystore":         {Number: 2, Adapter: true},
		"region/awsjson":          {Number: 2, Adapter: true, But: []string{"region/sigv4"}},
		"region/sigv4":            {Number: 2, Adapter: true},
		"region/sessions":         {Number: 2, Adapter: true},
		"region/throttle":         {Number: 2, Adapter: true},
		"region/sts":              {Number: 2, Adapter: true, But: []string{"region/sessions", "region/sigv4"}},
		"region/forward":          {Number: 2, Adapter: true},
		"eventlog/raftlog":        {Number: 2, Adapter: true},
		"eventlog/memlog":         {Number: 2, Adapter: true},
		"replication/natsbus":     {Number: 2, Adapter: true},
		"replication/httpbus":     {Number: 2, Adapter: true},
		"replication/membus":      {Number: 2, Adapter: true},
		"keyengine/keystoreproxy": {Number: 2, Adapter: true},

		// Whole nodes and whole worlds.
		"region/node/...":   {Number: 3},
		"region/trace/otlp": {Number: 3},
		"cluster/auditor":   {Number: 3},
		"cluster/check":     {Number: 3},
		"cluster/control":   {Number: 3},
		"cluster/fault":     {Number: 3},
		"cluster/history":   {Number: 3},
		"cluster/keyview":   {Number: 3},
		"cluster/sim":       {Number: 3},
		"cluster/seed":      {Number: 3},
		"cluster/timeline":  {Number: 3},
		"cluster/virtual":   {Number: 3},

		// Clusters of processes.
		"cluster":               {Number: 4},
		"cluster/bench":         {Number: 4},
		"cluster/chaos":         {Number: 4},
		"cluster/console":       {Number: 4},
		"cluster/clustertest":   {Number: 4},
		"cluster/live":          {Number: 4},
		"cluster/observability": {Number: 4},
		"cluster/scenario":      {Number: 4},

		// Programs, and the tests that start them.
		"cmd/meridian": {Number: 5},
		"cluster/e2e":  {Number: 5},
		"scripts/...":  {Number: 5},
	}
}

// Owners returns which packages may know a library, by the start of its import path. The point of an adapter is
// that nobody else knows what it adapts.
func Owners() map[string][]string {
	return map[string][]string{
		"github.com/hashicorp/raft":     {"eventlog/raftlog", "region/forward", "region/node"},
		"go.etcd.io/bbolt":              {"eventlog/raftlog"},
		"github.com/cockroachdb/pebble": {"region/keystore", "region/node"},
		"github.com/nats-io/nats":       {"replication/natsbus"},
		"github.com/nats-io/nkeys":      {"keyengine/keyring", "replication/natsbus"},
		"github.com/spf13":              {"cmd/meridian"},
		"golang.org/x/term":             {"cmd/meridian"},
		"go.opentelemetry.io":           {"region/trace", "region/trace/otlp"},
		"github.com/prometheus":         {"cluster/observability", "region/node/metrics"},
		"github.com/fxamacker/cbor":     {"keyengine/attestation", "keyengine/canonical"},
		"filippo.io/mldsa":              {"keyengine/primitive/mldsa"},
		"github.com/decred":             {"keyengine/primitive/secp256k1"},
		"gopkg.in/yaml":                 {"cluster/seed", "keyengine/identity", "keyengine/strictyaml", "region/throttle", "replication/lagprofile"},
		"github.com/emmansun":           {"keyengine/primitive/sm2"},
		"github.com/aws": {
			"cluster/bench",
			"cluster/chaos",
			"cluster/e2e",
			"cluster/history",
			"cluster/live",
			"cluster/scenario",
		},
		"github.com/anishathalye/porcupine": {"cluster/check"},
		"github.com/cockroachdb/datadriven": {},
		"pgregory.net/rapid":                {},
	}
}

// floorOf returns the floor of a package.
func floorOf(floors map[string]Floor, folder string) (Floor, bool) {
	if f, ok := floors[folder]; ok {
		return f, true
	}
	for above := folder; above != ""; {
		if f, ok := floors[above+"/..."]; ok {
			return f, true
		}
		cut := max(strings.LastIndexByte(above, '/'), 0)
		above = above[:cut]
	}
	return Floor{}, false
}

// ImportsGoDown is the rule of the floors. Test files are free: they may put real parts together.
func ImportsGoDown(t *Tree) []string {
	floors := Floors()
	var broken []string
	for _, p := range t.Packages {
		here, ok := floorOf(floors, p.Folder)
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: package without a floor: enter it in the table of scripts/archtest/floors.go", p.Folder))
			continue
		}
		for path, at := range p.Imports() {
			to, ours := strings.CutPrefix(path, Module+"/")
			if !ours {
				continue
			}
			there, ok := floorOf(floors, to)
			switch {
			case !ok:
				broken = append(broken, fmt.Sprintf("%s: imports %s, which has no floor", at, to))
			case there.Number > here.Number:
				broken = append(broken, fmt.Sprintf("%s: %s (floor %d) imports %s (floor %d): imports go to the same floor or down", at, p.Folder, here.Number, to, there.Number))
			case here.Adapter && (there.Adapter || to == "region") && !slices.Contains(here.But, to):
				broken = append(broken, fmt.Sprintf("%s: adapter %s imports %s: adapters know neither each other nor region", at, p.Folder, to))
			}
		}
	}
	return broken
}

// LibrariesHaveOwners is the rule that a library is known only where it is adapted. Test files and test suites are
// free.
func LibrariesHaveOwners(t *Tree) []string {
	owners := Owners()
	prefixes := slices.Sorted(maps.Keys(owners))
	var broken []string
	for _, p := range t.Packages {
		if p.suite() {
			continue
		}
		for path, at := range p.Imports() {
			for _, prefix := range prefixes {
				if strings.HasPrefix(path, prefix) && !slices.Contains(owners[prefix], p.Folder) {
					broken = append(broken, fmt.Sprintf("%s: %s imports %s: only %v may (Owners in scripts/archtest/floors.go)", at, p.Folder, path, owners[prefix]))
				}
			}
		}
	}
	return broken
}

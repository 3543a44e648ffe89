package node_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/cockroachdb/pebble/v2"

	"meridian/region/keystore"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// A node whose state went another way than its leader's stops at the next digest that the leader states, and the
// Region goes on without it.
func TestANodeThatDivergedStops(t *testing.T) {
	const name = "us-east-1/3"
	c := nodetest.New(t, 3, "us-east-1")
	c.Ready()
	create := func() {
		t.Helper()
		if _, err := c.Client("us-east-1/1").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
	}
	create()
	c.Eventually("the node has a record", func() bool { return c.Nodes[name].Status().Seq > 0 })
	c.Stop(name)
	plant(t, c.Dir.Node(name).State())

	config, err := node.Load(c.Dir, name, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(chan error, 1)
	config.Fatal = func(err error) {
		reasons <- err
		runtime.Goexit() // as the process would, do nothing more here
	}
	n, err := node.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	c.Eventually("the node stops", func() bool {
		create()
		return len(reasons) > 0
	})
	err = <-reasons
	if !errors.Is(err, keystore.ErrDiverged) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the node stopped: %v", err)
	}
	t.Log(err)
	create()
}

// plant changes the digest that a stopped node keeps, as if it had evolved its last record differently.
func plant(t *testing.T, state string) {
	t.Helper()
	r, err := keystore.Verify(nil, state, domain()) // its digest now: records may follow until it stops
	if err != nil {
		t.Fatal(err)
	}
	was := r.Meta.Digest[:]
	generations, err := filepath.Glob(filepath.Join(state, "gen-*"))
	if err != nil || len(generations) != 1 {
		t.Fatalf("generations %q, %v", generations, err)
	}
	db, err := pebble.Open(generations[0], &pebble.Options{FormatMajorVersion: pebble.FormatTableFormatV6, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	now := bytes.Clone(was)
	now[0] ^= 1
	rows, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string][]byte{} // the position and the last record's row
	for ok := rows.First(); ok; ok = rows.Next() {
		if bytes.Contains(rows.Value(), was) {
			changed[string(rows.Key())] = bytes.Replace(rows.Value(), was, now, 1)
		}
	}
	err = rows.Close()
	for key, value := range changed {
		err = errors.Join(err, db.Set([]byte(key), value, pebble.Sync))
	}
	if err = errors.Join(err, db.Close()); err != nil || len(changed) != 2 {
		t.Fatalf("%d rows changed, %v", len(changed), err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) { os.Exit(2) }

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/cockroachdb/pebble/v2"

	"meridian/cluster/layout"
)

// TestDivergedNodeReplaced plants another state in a node that stands still. When its leader next states its digest, it
// ends with the code for that; its Region goes on, and a new member comes in its place.
func TestDivergedNodeReplaced(t *testing.T) {
	c := breakable(t)
	client := c.patient(west)
	key := createKey(t, client, false)
	victim := layout.NodeName(west, 1)
	if victim == c.leader(t, west) {
		victim = layout.NodeName(west, 2)
	}
	was := idOf(t, c, victim)
	c.do(t, "stop", victim)
	plantDigest(t, layout.Dir(c.data).Node(victim).State())
	c.do(t, "start", victim)
	for i := range 1025 { // the leader states a digest in every 1024th record
		if _, err := client.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: new(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 20*time.Second, victim+" ends with code 4", func() error { return c.endedWith(victim, 4, "diverged") })
	c.do(t, "replace", victim)
	if idOf(t, c, victim) == was {
		t.Errorf("%s kept its id", victim)
	}
	_ = createKey(t, client, false)
	c.verify(t)
}

// plantDigest changes the digest that a node keeps, where it is and with its last record, as if it had evolved that
// record differently.
func plantDigest(t *testing.T, state string) {
	t.Helper()
	generations, err := filepath.Glob(filepath.Join(state, "gen-*"))
	if err != nil || len(generations) != 1 {
		t.Fatalf("generations %q, %v", generations, err)
	}
	db, err := pebble.Open(generations[0], &pebble.Options{FormatMajorVersion: pebble.FormatTableFormatV6, Logger: silent{}})
	ok(t, err)
	meta, closer, err := db.Get([]byte("x/meta"))
	ok(t, err)
	was := bytes.Clone(meta[len(meta)-32:]) // the digest is the last of its members
	now := bytes.Clone(was)
	now[0] ^= 1
	ok(t, closer.Close())
	rows, err := db.NewIter(nil)
	ok(t, err)
	changed := map[string][]byte{}
	for more := rows.First(); more; more = rows.Next() {
		if bytes.Contains(rows.Value(), was) {
			changed[string(rows.Key())] = bytes.Replace(rows.Value(), was, now, 1)
		}
	}
	err = rows.Close()
	for row, value := range changed {
		err = errors.Join(err, db.Set([]byte(row), value, pebble.Sync))
	}
	ok(t, errors.Join(err, db.Close()))
	if len(changed) != 2 {
		t.Fatalf("%d rows changed", len(changed))
	}
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) { os.Exit(2) }

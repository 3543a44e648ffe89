//go:build nextlevel

package region_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
	"meridian/region"
)

// TestLevelRises: while one member knows less, nothing of the new level is written; when all know it, the level rises
// and what it brings is there.
func TestLevelRises(t *testing.T) {
	var able atomic.Uint32
	able.Store(1)
	w := newWorldIn(t, setting{
		place: place, regions: []string{place.Region}, logger: slog.New(slog.DiscardHandler),
		able: func(context.Context) (uint32, error) {
			if able.Load() == 0 {
				return 0, errors.New("one does not say")
			}
			return able.Load(), nil
		},
	})
	w.lead(0)
	var key kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &key)
	describe := func() string {
		w.do(0, "UpdateKeyDescription", input("KeyId", *key.KeyMetadata.KeyId, "Description", "text"), nil)
		var d kmsapi.DescribeKeyResponse
		w.do(1, "DescribeKey", input("KeyId", *key.KeyMetadata.KeyId), &d)
		w.do(0, "UpdateKeyDescription", input("KeyId", *key.KeyMetadata.KeyId, "Description", ""), nil)
		return *d.KeyMetadata.Description
	}
	for _, n := range []uint32{1, 0} {
		able.Store(n)
		w.nodes[0].LookAtLevel(t.Context())
		if got := describe(); got != "text" || w.nodes[0].Level() != 1 {
			t.Errorf("before all know it: level %d, %q", w.nodes[0].Level(), got)
		}
	}
	able.Store(9) // the others are newer still
	w.nodes[0].LookAtLevel(t.Context())
	if got := describe(); !strings.HasSuffix(got, keyengine.NextMark) || w.nodes[0].Level() != keyengine.FeatureLevel {
		t.Errorf("after all know it: level %d, %q", w.nodes[0].Level(), got)
	}
}

// TestEventsAboveTheLevel: an event that this program knows, but that the log has not begun the level of, stops it.
func TestEventsAboveTheLevel(t *testing.T) {
	marked := codec.Encode(keyengine.DescriptionUpdated{Account: "000000000000", KeyID: "k", Mark: "!"})
	early := &eventlog.Record{Events: []eventlog.Event{marked}}
	right := &eventlog.Record{Events: []eventlog.Event{codec.Encode(keyengine.LevelRaised{Level: keyengine.FeatureLevel}), marked}}
	d := region.Domain{Place: place}
	if err := d.Evolve(new(rows.Memory), 1, early); err == nil || errors.Is(err, eventlog.ErrNewer) {
		t.Errorf("above the level: %v", err)
	}
	if err := d.Evolve(new(rows.Memory), 1, right); err != nil {
		t.Errorf("at the level: %v", err)
	}
}

package region_test

import (
	"errors"
	"testing"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/rows"
	"meridian/region"
)

// TestEventsBeyondThisProgram: what a newer program brought into the log is an error that says so, whatever form it has;
// the rows stay as they were.
func TestEventsBeyondThisProgram(t *testing.T) {
	known := codec.Encode(keyengine.PeerSeen{Region: "eu-west-1", Life: 2})
	later := known
	later.Version += 7
	for what, e := range map[string]eventlog.Event{
		"a level beyond":    codec.Encode(keyengine.LevelRaised{Level: keyengine.FeatureLevel + 1}),
		"a version unknown": later,
		"a type unknown":    {Type: 9999, Version: 1, Body: known.Body},
	} {
		w := new(rows.Memory)
		err := region.Domain{Place: place}.Evolve(w, 1, &eventlog.Record{Events: []eventlog.Event{e}})
		if !errors.Is(err, eventlog.ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
		for k := range w.Scan(nil, nil) {
			t.Errorf("%s: wrote row %q", what, k)
		}
	}
	w := new(rows.Memory)
	for _, e := range []eventlog.Event{known, codec.Encode(keyengine.LevelRaised{Level: keyengine.FeatureLevel})} {
		if err := (region.Domain{Place: place}).Evolve(w, 1, &eventlog.Record{Events: []eventlog.Event{e}}); err != nil {
			t.Error(err)
		}
	}
	if got := keyengine.NewView(w, place).Level(); got != keyengine.FeatureLevel {
		t.Errorf("level %d", got)
	}
}

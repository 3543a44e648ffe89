package replication

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/family"
)

// TestWhatIsToldDuringAFlightGoesNext: a comparison that shows a difference while the family is on its way asks for a
// message that its state does not owe. Whatever becomes of the flight, the next one says it.
func TestWhatIsToldDuringAFlightGoesNext(t *testing.T) {
	lacks := []family.MaterialID{{7}}
	for name, c := range map[string]struct {
		outcome result
		flown   force
		want    force
	}{
		"the flight did well":             {outcome: result{}, want: force{record: true}},
		"it did, and owes still":          {outcome: result{open: true}, want: force{record: true}},
		"the answer wants more":           {outcome: result{more: force{status: true, want: lacks}}, want: force{record: true, status: true, want: lacks}},
		"it failed":                       {outcome: result{err: errors.New("lost")}, want: force{record: true}},
		"it failed with what it was told": {outcome: result{err: errors.New("lost")}, flown: force{status: true}, want: force{record: true, status: true}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLink(&session{Relay: &Relay{log: slog.New(slog.NewTextHandler(io.Discard, nil))}}, "eu-west-1")
			ref := keyengine.Ref{Account: "111122223333", KeyID: "mrk-1"}
			it := &item{flying: true, flown: c.flown}
			l.items[ref], l.flying = it, 1
			l.tell(ref, force{record: true})
			l.settle(ref, c.outcome)
			defer l.end()
			next, queued := l.items[ref]
			if !queued || next.flying || len(l.ready) != 1 && next.timer == nil {
				t.Fatalf("the family waits for nothing: %+v", next)
			}
			if got := next.force; got.record != c.want.record || got.status != c.want.status || len(got.want) != len(c.want.want) {
				t.Errorf("the next flight says %+v, want %+v", got, c.want)
			}
		})
	}
}

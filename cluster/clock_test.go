package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

func TestLengthsOfTime(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1h30m": 90 * time.Minute, "7d12h": 7*day + 12*time.Hour, "45m": 45 * time.Minute, "1s": time.Second,
		"0d1s": time.Second, "1.5h": 90 * time.Minute, "36600d": 36600 * day,
	} {
		if got, err := ParseSpan(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "30", "d", "0d", "0s", "-1d", "+1d", "1d-1h", "1d+1h", "1 d", "1w", "1d1d", "1.5d", "0x10d", "1e3d", "1.5s", "36601d",
		"36600d1s", "99999999999999999999d", "106751d", "9223372036s", strings.Repeat("9", 400) + "h",
	} {
		if got, err := ParseSpan(text); !errors.Is(err, ErrUsage) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func FuzzParseSpan(f *testing.F) {
	for _, text := range []string{"30d", "1h30m", "7d12h", "1.5h", "d", "-1d", "99999999999999999999d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseSpan(text)
		if err != nil {
			return
		}
		if d <= 0 || d%time.Second != 0 || d > maxOffset*time.Second {
			t.Fatalf("%q is %v", text, d)
		}
		again, err := ParseSpan(Span(int64(d / time.Second)))
		if err != nil || again != d {
			t.Fatalf("%q is %v, and %v when it is written down: %v", text, d, again, err)
		}
	})
}

func TestNextOffset(t *testing.T) {
	const now, target = 1_767_225_600_000, 100_000
	clock := func(offset int64, next ...int64) control.Clock {
		k := control.Clock{TimeMillis: now, OffsetMillis: offset}
		for _, n := range next {
			k.Next = &control.Due{AtMillis: now + n}
		}
		return k
	}
	for _, tc := range []struct {
		name   string
		clocks []control.Clock
		want   int64
	}{
		{"nothing waits", []control.Clock{clock(0), clock(5000)}, target},
		{"no Region", nil, target},
		{"after the target", []control.Clock{clock(0, 100_001)}, target},
		{"at the target", []control.Clock{clock(0, 100_000)}, target},
		{"the first of two", []control.Clock{clock(0, 70_000), clock(0, 30_000)}, 30_000},
		{"in whole seconds, never too early", []control.Clock{clock(0, 30_001)}, 31_000},
		{"from the offset that it has", []control.Clock{clock(40_000, 30_000)}, 70_000},
		{"one that is behind goes its own way", []control.Clock{clock(0, 10_000), clock(40_000, 10_000)}, 10_000},
	} {
		if got := nextOffset(tc.clocks, target); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestWhatEventsMean(t *testing.T) {
	const key = "mrk-1234abcd12ab34cd56ef1234567890ab"
	ref := keyengine.Ref{Account: "111122223333", KeyID: key}
	event := func(e keyengine.Event) control.Event {
		name, id, data, err := codec.Describe(codec.Encode(e))
		if err != nil {
			t.Fatal(err)
		}
		return control.Event{Region: "us-east-1", Time: "2026-01-01T00:00:00.000Z", Type: name, Key: id, Data: data}
	}
	for _, tc := range []struct {
		event keyengine.Event
		what  string // empty: not shown
	}{
		{keyengine.FamilyEvent{Ref: ref, Event: family.KeyDeleted{}}, "deleted"},
		{
			keyengine.FamilyEvent{Ref: ref, Event: family.DeletionScheduled{At: 1767225600000, WindowDays: 7}},
			"last replica gone, will be deleted at 2026-01-01T00:00:00.000Z",
		},
		{keyengine.FamilyEvent{Ref: ref, Event: family.MemberGone{Region: "eu-west-1"}}, "replica in eu-west-1 gone"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.RotationStarted{}}, "automatic rotation begun"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.RotationActivated{}}, "new key material in use"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.HandoffAborted{}}, "hand-off of the primary role given up"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.HandoffAborted{Reason: "too late"}}, "hand-off of the primary role given up: too late"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.PrimaryTaken{}}, "primary role taken"},
		{keyengine.FamilyEvent{Ref: ref, Event: family.Orphaned{}}, "Orphaned"}, // nothing is kept quiet only because it is rare
		{keyengine.FamilyEvent{Ref: ref, Event: family.StatusAdvanced{}}, ""},
		{keyengine.FamilyEvent{Ref: ref, Event: family.RecordAccepted{}}, ""},
		{keyengine.MaterialsWrapped{Account: ref.Account, KeyID: key}, ""},
		{keyengine.ClockAdvanced{OffsetMillis: 1000}, ""},
		{keyengine.PeerSeen{Region: "eu-west-1", Life: 2}, ""},
	} {
		e := event(tc.event)
		f, shown := meaning(e)
		if shown != (tc.what != "") || shown && (f.What != tc.what || f.Key != key || f.Region != e.Region || f.Time != e.Time || f.Event != e.Type) {
			t.Errorf("%s: %v, %+v", e.Type, shown, f)
		}
		e.RequestID = "r"
		if _, shown := meaning(e); shown {
			t.Errorf("%s that a caller asked for did not fall due", e.Type)
		}
	}
	for _, name := range talk() {
		if _, shown := meaning(control.Event{Type: name, Key: key}); shown {
			t.Errorf("%s is shown", name)
		}
	}
}

// Only what can be done is waited for.
func TestWhatIsOpen(t *testing.T) {
	owes := func(from, to string, up bool) control.Lag {
		return control.Lag{From: from, To: to, LinkUp: up, PendingKeys: 2}
	}
	at := func(name string, overdue bool, away error, lags ...control.Lag) *place {
		p := &place{region: &layout.Region{Name: name}, away: away, lags: lags}
		p.clock.Overdue = overdue
		return p
	}
	away := errors.New("no leader")
	for _, tc := range []struct {
		name   string
		places []*place
		want   string
	}{
		{"all is done", []*place{at("us-east-1", false, nil, control.Lag{LinkUp: true})}, ""},
		{"due work", []*place{at("us-east-1", true, nil)}, "us-east-1 has work that is due"},
		{"a link that is up", []*place{at("us-east-1", false, nil, owes("us-east-1", "eu-west-1", true))}, "us-east-1 owes eu-west-1 2 keys"},
		{"a link that is down", []*place{at("us-east-1", false, nil, owes("us-east-1", "eu-west-1", false))}, ""},
		{"a Region that is away owes", []*place{at("us-east-1", true, away, owes("us-east-1", "eu-west-1", true))}, ""},
		{
			"a Region that is away is owed",
			[]*place{at("us-east-1", false, nil, owes("us-east-1", "eu-west-1", true)), at("eu-west-1", false, away)},
			"",
		},
	} {
		if got := (&walk{places: tc.places}).open(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/control"
)

// facts is what the content of an event may say, of all types of events together.
type facts struct {
	Record *struct {
		Version string `json:"version"`
		Writer  string `json:"writer"`
		Primary string `json:"primary"`
		Current string `json:"current"`
		Pending string `json:"pending"`
		Handoff *struct {
			To string `json:"to"`
		} `json:"handoff"`
	} `json:"record"`
	Status *struct {
		From    string `json:"from"`
		SV      uint64 `json:"sv"`
		State   string `json:"state"`
		Applied string `json:"applied"`
	} `json:"status"`
	Region    string   `json:"region"`
	Reason    string   `json:"reason"`
	SV        uint64   `json:"sv"`
	State     string   `json:"state"`
	Inc       string   `json:"inc"`
	Attempt   uint32   `json:"attempt"`
	Windows   uint16   `json:"windowDays"`
	Materials []any    `json:"materials"`
	Awaits    []string `json:"awaits"`
	Name      string   `json:"name"`
	Lost      bool     `json:"lost"`
}

// accepts are the types of events that take over a record which another Region wrote. Every other event with a record
// wrote it.
func accepts(name string) bool {
	return slices.Contains([]string{"RecordAccepted", "ReplicaCreated", "ReplicaRefused", "Orphaned"}, name)
}

func read(e *control.Event) (f facts) {
	if json.Unmarshal(e.Data, &f) != nil {
		return facts{}
	}
	return f
}

// message names what was sent: a version of a record, or a status, of one key by one Region.
type message struct {
	by, key, what string // what: record, status
	version       version
}

func (m message) String() string {
	if m.what == "status" {
		return fmt.Sprintf("status %d", m.version.seq)
	}
	return "record " + m.version.text
}

// sent is the message that others get because of an event.
func sent(e *control.Event, f *facts) (m message, ok bool) {
	switch {
	case f.Record != nil && !accepts(e.Type):
		return message{e.Region, e.Key, "record", parse(f.Record.Version)}, true
	case e.Type == "StatusAdvanced":
		return message{e.Region, e.Key, "status", number(f.SV)}, true
	}
	return message{}, false
}

// received is the message that an event came from.
func received(e *control.Event, f *facts) (m message, ok bool) {
	switch {
	case f.Record != nil && accepts(e.Type):
		m = message{f.Record.Writer, e.Key, "record", parse(f.Record.Version)}
	case f.Status != nil && e.Type == "StatusReceived":
		m = message{f.Status.From, e.Key, "status", number(f.Status.SV)}
	}
	return m, m.by != "" && m.by != e.Region
}

// summary says in a few words what an event is about.
func summary(e *control.Event, f *facts) string {
	words := []string{e.Type}
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if f.Record != nil {
		say("%s", f.Record.Version)
		recordSummary(e, f, say)
	}
	switch e.Type {
	case "StatusReceived":
		if f.Status != nil {
			say("%d: %s at %s", f.Status.SV, f.Status.State, f.Status.Applied)
		}
	case "StatusAdvanced":
		say("%d", f.SV)
	case "ReplicaCompleted":
		say("%s", f.State)
	case "Frozen":
		say("for attempt %d", f.Attempt)
	case "HandoffRefused":
		say("attempt %d: %s", f.Attempt, f.Reason)
	case "DeletionScheduled":
		say("in %d days", f.Windows)
	case "ReplicaDeletionAwaited":
		say("then %d days", f.Windows)
	case "MaterialImported", "MaterialErased":
		for _, id := range f.Materials {
			say("%.8v", id)
		}
	case "FamilySuspended":
		say("until heard: %s", strings.Join(f.Awaits, " "))
	case "PeerHeard", "PeerSeen", "PeerLevelSeen":
		say("%s", f.Region)
	case "AlarmRaised":
		say("%s", f.Reason)
	case "AliasCreated", "AliasUpdated", "AliasDeleted":
		say("%s", f.Name)
	}
	return clean(strings.Join(words, " "))
}

func recordSummary(e *control.Event, f *facts, say func(string, ...any)) {
	switch e.Type {
	case "ReplicaAdded":
		say("+%s", f.Region)
	case "ReplicaReported":
		say("%s", f.Region)
	case "MemberGone", "MemberFenced":
		say("-%s", f.Region)
	case "HandoffBegun":
		if f.Record.Handoff != nil {
			say("to %s", f.Record.Handoff.To)
		}
	case "HandoffAborted", "ReplicaRefused", "Orphaned":
		if f.Reason != "" {
			say(": %s", f.Reason)
		}
	case "PrimaryRelinquished":
		say("to %s", f.Record.Primary)
	case "RotationStarted":
		say("%.8s", f.Record.Pending)
	case "RotationActivated":
		say("%.8s", f.Record.Current)
	}
}

// clean takes away what a terminal or a format would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// ShortKey is as much of a key id as people need to tell it from others.
func ShortKey(id string) string {
	n := 8
	if strings.HasPrefix(id, "mrk-") {
		n += len("mrk-")
	}
	return clean(fmt.Sprintf("%.*s", n, id))
}

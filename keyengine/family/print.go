package family

import (
	"fmt"
	"reflect"
	"strings"
)

// EventName returns the name of e's type.
func EventName(e Event) string { return reflect.TypeOf(e).Name() }

// Describe returns one line about e for people.
func Describe(e Event) string {
	name := EventName(e)
	if r, ok := WrittenRecord(e); ok {
		return name + describeWrite(e, r)
	}
	switch e := e.(type) {
	case StatusReceived:
		return fmt.Sprintf("%s from %s: %s", name, e.Status.From, e.Status.String())
	case RecordAccepted:
		return fmt.Sprintf("%s %v of %s", name, e.Record.Version, e.Record.Writer)
	case ReplicaCreated:
		return fmt.Sprintf("%s inc %v by %v", name, e.Inc, e.Record.Version)
	case ReplicaRefused:
		return fmt.Sprintf("%s inc %v: %s", name, e.Inc, e.Reason)
	case Orphaned:
		return fmt.Sprintf("%s by %v of %s", name, e.Record.Version, e.Record.Writer)
	case ReplicaCompleted:
		return fmt.Sprintf("%s %v", name, e.State)
	case MaterialImported:
		return name + shorts(e.Materials)
	case MaterialPlaced:
		return name + shorts([]MaterialID{e.Import.ID})
	case MaterialErased:
		return name + shorts(e.Materials)
	case Frozen:
		return fmt.Sprintf("%s for attempt %d", name, e.Attempt)
	case HandoffRefused:
		return fmt.Sprintf("%s attempt %d: %s", name, e.Attempt, e.Reason)
	case DeletionScheduled:
		return fmt.Sprintf("%s in %d days", name, e.WindowDays)
	case ReplicaDeletionAwaited:
		return fmt.Sprintf("%s then %d days", name, e.WindowDays)
	case StatusAdvanced:
		return fmt.Sprintf("%s %d", name, e.SV)
	case FamilySuspended:
		return name + " until heard: " + strings.Join(e.Awaits, " ")
	case PeerHeard:
		if e.Lost {
			return name + " " + e.Region + ": given up for lost"
		}
		return name + " " + e.Region
	case AlarmRaised:
		return name + ": " + e.Reason
	}
	return name
}

func describeWrite(e Event, r Record) string {
	s := " " + r.Version.String()
	switch e := e.(type) {
	case ReplicaAdded:
		return s + " +" + e.Region
	case ReplicaReported:
		return s + " " + e.Region
	case MemberGone:
		return s + " -" + e.Region
	case MemberFenced:
		return s + " -" + e.Region
	case HandoffBegun:
		return fmt.Sprintf("%s to %s, attempt %d", s, r.Handoff.To, r.Handoff.Attempt)
	case HandoffAborted:
		return s + ": " + e.Reason
	case PrimaryRelinquished:
		return s + " to " + r.Primary
	case RotationStarted:
		return s + shorts([]MaterialID{r.Pending})
	case RotationActivated:
		return s + shorts([]MaterialID{r.Current})
	case MaterialSalvaged:
		return s + shorts(e.Materials)
	}
	return s
}

// String returns one line about s for people.
func (s Status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v inc %v sv %d applied %v", s.State, s.Inc, s.SV, s.Applied)
	if s.Ready > 0 {
		fmt.Fprintf(&b, " ready %d", s.Ready)
	}
	if s.Refused > 0 {
		fmt.Fprintf(&b, " refused %d", s.Refused)
	}
	if len(s.Held) > 0 {
		b.WriteString(" holds" + shorts(s.Held))
	}
	return b.String()
}

// shorts returns the first bytes of each id, which is enough for people.
func shorts(set []MaterialID) string {
	var b strings.Builder
	for _, id := range set {
		fmt.Fprintf(&b, " %x", id[:4])
	}
	return b.String()
}

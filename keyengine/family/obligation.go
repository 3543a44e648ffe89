package family

// What is to be sent, as functions of the state.

// What is the kind of a message.
type What uint8

// The kinds.
const (
	SendRecord What = iota + 1
	SendStatus
	SendQuestion // R13: what do you have?
)

// Obligation is a message that is owed until the state says otherwise.
type Obligation struct {
	To   string
	What What
}

// Obligations returns what region owes to others, sorted by Region. They are open until a message
// arrives that changes the state; until then they are sent again and again.
//
// One thing is owed that cannot be told from the state: a member's changed Status, see
// SendsStatusTo. A relay sends it when it changes, and remembers who has seen it.
func Obligations(region string, l *Local) []Obligation {
	if l == nil || l.Record.Version.IsZero() || l.Halted != "" {
		return nil
	}
	if l.Suspended {
		return questions(l)
	}
	if l.Record.Primary != region {
		return memberObligations(l)
	}
	if l.Orphan {
		return nil
	}
	var out []Obligation
	for i := range l.Record.Members {
		if m := &l.Record.Members[i]; m.Region != region && owesRecord(l, m) {
			out = append(out, Obligation{To: m.Region, What: SendRecord})
		}
	}
	return out
}

// questions are those of a suspended member, which says nothing else by itself: what it has is old.
func questions(l *Local) []Obligation {
	var out []Obligation
	for _, region := range l.Awaits {
		out = append(out, Obligation{To: region, What: SendQuestion})
	}
	return out
}

// Gives returns the materials whose secrets go with the answer to a suspended member's question: what
// the member of asker lacks and this one holds.
func Gives(asker string, l *Local, lacks []MaterialID) []MaterialID {
	m := l.Record.member(asker)
	if l.Record.external() || m == nil || m.Gone || !l.Live() && !l.Orphan {
		return nil
	}
	var out []MaterialID
	for _, id := range l.Held {
		if lists(l.Record.Materials, id) && has(lacks, id) {
			out = append(out, id)
		}
	}
	return out
}

// owesRecord reports whether the primary must send its record to m. A fenced member is told too,
// if it ever comes back, and until it says that it is deleted.
func owesRecord(l *Local, m *Member) bool {
	s := l.status(m.Region)
	if m.Gone {
		return m.Fenced && (s == nil || s.State != Deleted)
	}
	return s == nil || s.Inc != m.Inc || s.Applied.Less(l.Record.Version) ||
		!holdsAll(s.Held, l.Record.Materials) && !l.Record.external()
}

// memberObligations are those of a member that is not primary. The offer of the role (R5) is owed by
// the old primary and by whoever else has it: the old primary may be lost.
func memberObligations(l *Local) []Obligation {
	var out []Obligation
	if l.Record.Writer != l.Record.Primary {
		out = append(out, Obligation{To: l.Record.Primary, What: SendRecord})
	}
	if len(l.Held) > 0 && !listsAll(l.Record.Materials, l.Held) { // R11: to be salvaged
		out = append(out, Obligation{To: l.Record.Primary, What: SendStatus})
	}
	return out
}

// StatusOf returns what the member of region says about itself.
func StatusOf(region string, l *Local) Status {
	return Status{
		From: region, Inc: l.Inc, SV: l.SV, State: l.State, Complete: l.Complete,
		Applied: l.Record.Version, Held: l.Held, Ready: l.Ready, Refused: l.Refused, Reason: l.Reason,
	}
}

// SendsStatusTo returns the Region to which the member of region reports, or "" if to none.
func SendsStatusTo(region string, l *Local) string {
	if l == nil || l.Record.Version.IsZero() || l.Record.Primary == region || l.Halted != "" || len(l.Awaits) > 0 {
		return ""
	}
	return l.Record.Primary
}

// Carries returns the materials whose secrets must go along with a message to a Region: with a
// record what the member there lacks, with a status what the primary may not know. Imported ones never.
func Carries(region string, l *Local, o Obligation) []MaterialID {
	if l.Record.external() {
		return nil
	}
	if o.What == SendStatus {
		var out []MaterialID
		for _, id := range l.Held {
			if !lists(l.Record.Materials, id) {
				out = append(out, id)
			}
		}
		return out
	}
	m := l.Record.member(o.To)
	if m == nil || m.Gone || l.Record.Primary != region || !l.Live() {
		return nil
	}
	s := l.status(o.To)
	var out []MaterialID
	for _, id := range l.Held {
		if lists(l.Record.Materials, id) && (s == nil || s.Inc != m.Inc || !has(s.Held, id)) {
			out = append(out, id)
		}
	}
	return out
}

// MustTell reports whether the sender of a message must be sent l's record in answer, because what
// arrived shows that the sender has an older one. The version is that of the received record, or
// the Applied of the received status.
func MustTell(l *Local, received Version) bool {
	return l != nil && received.Less(l.Record.Version) && l.Halted == ""
}

// Completable reports whether FinishCreate, without more materials, would complete the member. Where all materials are
// lost (R13), nothing is complete.
func Completable(l *Local) bool {
	return l.Live() && !l.Complete &&
		(l.Record.external() || !l.Record.Current.IsZero() && holdsAll(l.Held, l.Record.Materials))
}

// Lacks returns the materials of the record whose secrets are not in this Region.
func Lacks(l *Local) []MaterialID {
	var out []MaterialID
	for i := range l.Record.Materials {
		if id := l.Record.Materials[i].ID; !has(l.Held, id) {
			out = append(out, id)
		}
	}
	return out
}

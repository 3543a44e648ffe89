package auditor

import (
	"fmt"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// maxFindings bounds what is kept: after the first ones there is little to learn.
const maxFindings = 100

// Auditor judges the logs of all Regions. New makes one.
type Auditor struct {
	regions  map[string]*region
	families map[keyengine.Ref]*kin
	claims   []claim
	serial   uint64 // of the newest claim
	findings []Finding
	more     int
	events   uint64
	checked  uint64
}

// New makes an Auditor that has read nothing.
func New() *Auditor {
	return &Auditor{regions: map[string]*region{}, families: map[keyengine.Ref]*kin{}}
}

// region is one Region's log as far as it was read.
type region struct {
	name    string
	seq     uint64
	at      int64
	forgot  bool // its history was cut short once
	members map[keyengine.Ref]*member
	began   uint64 // the newest claim when its reading began
	known   uint64 // claims up to this one were made before its reading began
}

// member is one Region's part of a family, with what it was in the past.
type member struct {
	local    family.Local
	dead     map[family.Version]bool // incarnations that ended
	held     map[holding]bool
	statuses map[saying]hash
}

// holding is that a material was here in an incarnation; saying is the number of a status.
type (
	holding struct {
		inc family.Version
		id  family.MaterialID
	}
	saying struct {
		inc family.Version
		sv  uint64
	}
)

func (a *Auditor) region(name string) *region {
	r := a.regions[name]
	if r == nil {
		r = &region{name: name, members: map[keyengine.Ref]*member{}}
		a.regions[name] = r
	}
	return r
}

func (r *region) member(ref keyengine.Ref) *member {
	m := r.members[ref]
	if m == nil {
		m = &member{dead: map[family.Version]bool{}, held: map[holding]bool{}, statuses: map[saying]hash{}}
		r.members[ref] = m
	}
	return m
}

// Next is the seq from which a Region's log is to be read.
func (a *Auditor) Next(name string) uint64 { return a.region(name).seq + 1 }

// Begin says that the reading of a Region's log begins now.
func (a *Auditor) Begin(name string) { a.region(name).began = a.serial }

// End says that a Region's log was read to the end that it had after Begin, and judges what waited for that.
func (a *Auditor) End(name string) {
	r := a.region(name)
	r.known = r.began
	a.judge()
}

// Restart forgets a Region's log: the Region began a new life, and its log is to be read from the start. What other
// Regions know of its past is kept.
func (a *Auditor) Restart(name string) {
	r := a.region(name)
	*r = region{name: name, forgot: true, members: map[keyengine.Ref]*member{}}
}

// Take judges the next record of a Region. An error means that the record cannot be read, and changes nothing.
func (a *Auditor) Take(name string, seq uint64, stored []byte) error {
	record, err := codec.DecodeRecord(stored)
	if err != nil {
		return fmt.Errorf("%s, seq %d: %w", name, seq, err)
	}
	events := make([]keyengine.Event, len(record.Events))
	for i, e := range record.Events {
		if events[i], err = codec.Decode(e); err != nil {
			return fmt.Errorf("%s, seq %d.%d: %w", name, seq, i, err)
		}
	}
	r := a.region(name)
	a.inOrder(r, seq, record)
	for _, c := range record.Commands {
		n := min(c.Events, len(events))
		a.command(r, c.Operation, events[:n])
		events = events[n:]
	}
	a.command(r, "", events) // of no command: there should be none
	return nil
}

// inOrder judges a record's number and time.
func (a *Auditor) inOrder(r *region, seq uint64, record *eventlog.Record) {
	expected := r.seq + 1
	r.seq = seq
	a.hold(seq == expected, SeqDense, r, keyengine.Ref{}, "seq %d follows %d", seq, expected-1)
	a.hold(record.At >= r.at, TimeMonotone, r, keyengine.Ref{}, "Region time goes from %d back to %d", r.at, record.At)
	r.at = max(r.at, record.At)
}

// hold makes a finding unless ok.
func (a *Auditor) hold(ok bool, i Invariant, r *region, ref keyengine.Ref, format string, args ...any) {
	a.checked++
	if !ok {
		a.find(finding(i, r, ref, format, args...))
	}
}

func finding(i Invariant, r *region, ref keyengine.Ref, format string, args ...any) Finding {
	f := Finding{Invariant: i, Region: r.name, Seq: r.seq, Text: fmt.Sprintf(format, args...)}
	if ref != (keyengine.Ref{}) {
		f.Key = ref.String()
	}
	return f
}

func (a *Auditor) find(f Finding) {
	if len(a.findings) == maxFindings {
		a.more++
		return
	}
	a.findings = append(a.findings, f)
}

// Report says what was seen and found until now.
func (a *Auditor) Report() Report {
	report := Report{
		OK: len(a.findings) == 0, Seqs: map[string]uint64{}, Events: a.events, Keys: len(a.families),
		Checked: a.checked, Open: len(a.claims), Findings: append([]Finding{}, a.findings...), More: a.more,
	}
	for name, r := range a.regions {
		report.Seqs[name] = r.seq
	}
	return report
}

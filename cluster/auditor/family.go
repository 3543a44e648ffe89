package auditor

import (
	"crypto/sha256"

	"meridian/cluster/sim"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// hash stands for a record or a status.
type hash [sha256.Size]byte

func hashOf(v any) hash { return sha256.Sum256(canonical.Marshal(v)) }

// kin is what all Regions together said of a family.
type kin struct {
	records   map[family.Version]version
	primaries map[family.Version]string // by generation and epoch
	fenced    map[string]bool           // Regions that an operator ever declared lost
	forced    bool                      // an operator promoted a member
	used      map[family.MaterialID]bool
}

// version is a record that somebody wrote or accepted.
type version struct {
	hash    hash
	writer  string
	written bool // its writer's log has it
}

func (a *Auditor) kin(ref keyengine.Ref) *kin {
	k := a.families[ref]
	if k == nil {
		k = &kin{
			records: map[family.Version]version{}, primaries: map[family.Version]string{},
			fenced: map[string]bool{}, used: map[family.MaterialID]bool{},
		}
		a.families[ref] = k
	}
	return k
}

// split reports whether both sides of a parting fenced each other: what they promise then holds after healing only.
func (k *kin) split() bool { return k.forced && len(k.fenced) > 1 }

// see notes a record and judges it by all that is known of the family, whoever showed it.
func (a *Auditor) see(r *region, ref keyengine.Ref, record *family.Record) *kin {
	k, v := a.kin(ref), record.Version
	is := version{hash: hashOf(record), writer: record.Writer}
	if had, ok := k.records[v]; ok {
		a.hold(had.hash == is.hash, sim.SingleWriter, r, ref, "there are two records %v, written by %s and %s", v, had.writer, is.writer)
	} else {
		k.records[v] = is
	}
	epoch := family.Version{Gen: v.Gen, GenBy: v.GenBy, Epoch: v.Epoch}
	if had, ok := k.primaries[epoch]; ok {
		a.hold(had == record.Primary, sim.AtMostOnePrimaryPerEpoch, r, ref, "the epoch of %v has two primaries, %s and %s", v, had, record.Primary)
	} else {
		k.primaries[epoch] = record.Primary
	}
	for _, m := range record.Members {
		if m.Fenced {
			k.fenced[m.Region] = true
		}
	}
	return k
}

// wrote judges a record that a Region wrote, before it is in force there.
func (a *Auditor) wrote(r *region, ref keyengine.Ref, l *family.Local, e family.Event, record *family.Record) {
	err := record.Validate()
	a.hold(err == nil, sim.RecordIsValid, r, ref, "writes %v: %v", record.Version, err)
	a.hold(record.Writer == r.name, sim.SingleWriter, r, ref, "writes %v in the name of %s", record.Version, record.Writer)
	a.hold(mayWrite(r.name, l, e), sim.AtMostOnePrimary, r, ref, "writes %v by %s while %s is primary", record.Version, family.EventName(e), l.Record.Primary)
	k := a.see(r, ref, record)
	known := k.records[record.Version]
	a.hold(!known.written || a.forgetful(r.name), sim.SingleWriter, r, ref, "writes %v, which is written already", record.Version)
	known.written = true
	k.records[record.Version] = known
}

// mayWrite reports whether a member has the right to write: it is primary, takes the role that it was offered, or has an
// operator's word.
func mayWrite(here string, l *family.Local, e family.Event) bool {
	switch e.(type) {
	case family.FamilyCreated:
		return l.Record.Version.IsZero()
	case family.PrimaryForced:
		return true
	case family.PrimaryResumed:
		return l.Record.Primary == here && l.Suspended
	case family.PrimaryTaken:
		return l.Record.Primary == here && l.Record.Version.Seq == 0 && l.Live()
	}
	return l.Record.Primary == here && l.Live() && (l.Record.Version.Seq > 0 || l.Record.Writer == here)
}

// accepted judges a record that a Region took from another: its writer's log must have it.
func (a *Auditor) accepted(r *region, ref keyengine.Ref, record *family.Record) {
	k, v, writer := a.see(r, ref, record), record.Version, record.Writer
	a.claim([]string{writer}, func() bool { return k.records[v].written || a.forgetful(writer) },
		finding(RecordHasWriter, r, ref, "accepts %v, which %s never wrote", v, writer))
}

package replication

import (
	"strings"
	"sync"

	"meridian/keyengine"
	"meridian/keyengine/family"
)

// Limits of what is remembered of when families changed.
const (
	maxMoments  = 1 << 16 // families
	maxVersions = 16      // of a family
)

// moments are when multi-Region families changed, in Region time as logged. Every node of a Region notes them as it
// applies, the leader or not, so that the next leader holds messages back until the same time as this one would have.
// They only ever delay: what is not known counts as changed when it is first looked at.
type moments struct {
	mu    sync.Mutex
	known map[keyengine.Ref]*moment
}

// moment is the recent past of one family.
type moment struct {
	records  []recordMoment // oldest first
	statuses []statusMoment
	last     int64
}

type recordMoment struct {
	version family.Version
	at      int64
}

type statusMoment struct {
	inc family.Version
	sv  uint64
	at  int64
}

// note remembers that the family is now as l, unless that is known. Those that changed before since are forgotten
// when there are too many.
func (m *moments) note(ref keyengine.Ref, l *family.Local, at, since int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteLocked(ref, l, at, since)
}

func (m *moments) noteLocked(ref keyengine.Ref, l *family.Local, at, since int64) *moment {
	if m.known == nil {
		m.known = make(map[keyengine.Ref]*moment)
	}
	f := m.known[ref]
	if f == nil {
		if len(m.known) >= maxMoments {
			m.forget(since)
		}
		f = new(moment)
		m.known[ref] = f
	}
	if n := len(f.records); n == 0 || f.records[n-1].version != l.Record.Version {
		f.records = append(f.records[max(0, n-maxVersions+1):n:n], recordMoment{l.Record.Version, at})
		f.last = at
	}
	if n := len(f.statuses); n == 0 || f.statuses[n-1].inc != l.Inc || f.statuses[n-1].sv != l.SV {
		f.statuses = append(f.statuses[max(0, n-maxVersions+1):n:n], statusMoment{l.Inc, l.SV, at})
		f.last = at
	}
	return f
}

func (m *moments) forget(since int64) {
	for ref, f := range m.known {
		if f.last < since {
			delete(m.known, ref)
		}
	}
	if len(m.known) >= maxMoments { // all are new: better early than without bound
		clear(m.known)
	}
}

// record returns when the first record after the one of version known came to be.
func (m *moments) record(ref keyengine.Ref, l *family.Local, known family.Version, now int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.noteLocked(ref, l, now, 0)
	for _, r := range f.records {
		if known.Less(r.version) {
			return r.at
		}
	}
	return 0
}

// written returns when the record of that version, or the first after it that is known, came to be.
func (m *moments) written(ref keyengine.Ref, l *family.Local, version family.Version, now int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.noteLocked(ref, l, now, 0)
	for _, r := range f.records {
		if !r.version.Less(version) {
			return r.at
		}
	}
	return now
}

// status returns when the first status after the confirmed one came to be.
func (m *moments) status(ref keyengine.Ref, l *family.Local, known Confirmed, now int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.noteLocked(ref, l, now, 0)
	for _, s := range f.statuses {
		if s.inc == l.Inc && known.Inc == l.Inc && known.SV < s.sv {
			return s.at
		}
	}
	return f.statuses[len(f.statuses)-1].at // nobody knows what was confirmed: of what is to be said now
}

// multiRegion reports whether a key id may be of a family with more than one member.
func multiRegion(ref keyengine.Ref) bool { return strings.HasPrefix(ref.KeyID, "mrk-") }

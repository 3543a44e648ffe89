package replication

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// Anti-entropy compares, between two Regions, the families of which one is the primary and the other
// a member, in buckets by name. It trusts no counter of the bus and no memory of a sender.
const (
	buckets = 256
	sumSize = 16
)

func bucketOf(ref keyengine.Ref) byte {
	h := sha256.New()
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(ref.Account)))
	h.Write(size[:])
	h.Write([]byte(ref.Account))
	h.Write([]byte(ref.KeyID))
	return h.Sum(nil)[0]
}

func compareRefs(a, b keyengine.Ref) int {
	if c := strings.Compare(a.Account, b.Account); c != 0 {
		return c
	}
	return strings.Compare(a.KeyID, b.KeyID)
}

// entryFor returns what this Region says of a family to peer; false: the family is none of that
// pair's. At a member of peer's it is the member's own status, at the primary what it knows of it.
// Members that are gone, and know it, have nothing to compare.
func entryFor(here, peer string, ref keyengine.Ref, l *family.Local) (e Entry, ok bool) {
	e = Entry{Account: ref.Account, KeyID: ref.KeyID, Version: l.Record.Version}
	if !l.Record.Multi || l.Halted != "" {
		return e, false
	}
	if l.Record.Primary == peer {
		e.Inc, e.SV = l.Inc, l.SV
		return e, l.Live()
	}
	if l.Record.Primary != here || l.Orphan {
		return e, false
	}
	for i := range l.View {
		if s := &l.View[i]; s.From == peer {
			e.Inc, e.SV = s.Inc, s.SV
		}
	}
	for i := range l.Record.Members {
		if m := &l.Record.Members[i]; m.Region == peer {
			return e, !m.Gone || owesRecord(here, peer, l)
		}
	}
	return e, false
}

func owesRecord(here, peer string, l *family.Local) bool {
	return slices.Contains(family.Obligations(here, l), family.Obligation{To: peer, What: family.SendRecord})
}

// inventory is what this Region says of the families it shares with another, by bucket.
type inventory [buckets][]Entry

func (s *session) inventory(peer string) *inventory {
	inv := new(inventory)
	s.config.Region.View(func(v *keyengine.View) {
		for ref, l := range v.Families() {
			if e, ok := entryFor(s.config.Place.Region, peer, ref, l); ok {
				inv[bucketOf(ref)] = append(inv[bucketOf(ref)], e)
			}
		}
	})
	for i := range inv {
		slices.SortFunc(inv[i], func(a, b Entry) int { return compareRefs(a.ref(), b.ref()) })
	}
	return inv
}

func (inv *inventory) sums() []byte {
	out := make([]byte, 0, buckets*sumSize)
	for i := range inv {
		out = append(out, sumOf(sha256.New(), inv[i])...)
	}
	return out
}

func sumOf(h hash.Hash, entries []Entry) []byte {
	for _, e := range entries {
		h.Write(canonical.Marshal(&e))
	}
	return h.Sum(nil)[:sumSize]
}

// list describes the buckets given, as many as fit. The first of them is a random one, so that what
// does not fit today has its turn.
func (inv *inventory) list(differing []byte) *DigestBody {
	b := &DigestBody{Nonce: newNonce()}
	if len(differing) == 0 {
		return b
	}
	start := rand.IntN(len(differing))
	for _, bucket := range slices.Concat(differing[start:], differing[:start]) {
		entries := inv[bucket]
		if len(b.Entries)+len(entries) > maxEntries {
			b.More = true
			if len(b.Buckets) > 0 {
				continue
			}
			entries = entries[:maxEntries]
		}
		b.Buckets = append(b.Buckets, bucket)
		b.Entries = append(b.Entries, entries...)
	}
	slices.Sort(b.Buckets)
	slices.SortFunc(b.Entries, func(a, b Entry) int { return compareRefs(a.ref(), b.ref()) })
	return b
}

// differing returns the buckets whose sums differ.
func (inv *inventory) differing(sums []byte) (out []byte) {
	own := inv.sums()
	for i := range buckets {
		if at := i * sumSize; !bytes.Equal(own[at:at+sumSize], sums[at:at+sumSize]) {
			out = append(out, byte(i))
		}
	}
	return out
}

// compare is one comparison with the other Region, begun here.
func (l *link) compare() {
	more, err := l.compareOnce()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.poke()
	l.comparing = false
	l.reached(err)
	every := compareEvery
	if more || err != nil {
		every = compareAgain
	}
	l.compareAt = time.Now().Add(jitter(every))
}

func (l *link) compareOnce() (more bool, err error) {
	l.counters.digests.Add(1)
	inv := l.inventory(l.to)
	question := DigestBody{Nonce: newNonce(), Sums: inv.sums()}
	a, _, err := l.ask(l.ctx, l.to, KindDigest, canonical.Marshal(&question), nil, requestTimeout)
	if err != nil || a.Code != CodeDigest || len(a.Digest.Buckets) == 0 {
		return false, err
	}
	l.repair(a.Digest)
	// What the other Region must send it knows when it has seen the same list of ours.
	own := inv.list(a.Digest.Buckets)
	_, _, err = l.ask(l.ctx, l.to, KindDigest, canonical.Marshal(own), nil, requestTimeout)
	return a.Digest.More || own.More, err
}

// answerDigest answers either step of another Region's comparison.
func (s *session) answerDigest(src string, b *DigestBody) *AnswerBody {
	if len(b.Sums) == 0 {
		s.links[src].repair(b)
		return &AnswerBody{Code: CodeOK}
	}
	inv := s.inventory(src)
	return &AnswerBody{Code: CodeDigest, Digest: inv.list(inv.differing(b.Sums))}
}

// repair queues what the other Region's list shows that it should hear from this one.
func (l *link) repair(theirs *DigestBody) {
	listed := make(map[keyengine.Ref]Entry, len(theirs.Entries))
	for _, e := range theirs.Entries {
		listed[e.ref()] = e
	}
	inBuckets := func(ref keyengine.Ref) bool { return bytes.IndexByte(theirs.Buckets, bucketOf(ref)) >= 0 }
	tell := make(map[keyengine.Ref]force)
	here := l.config.Place.Region
	l.config.Region.View(func(v *keyengine.View) {
		for ref, local := range v.Families() {
			e, both := listed[ref]
			own, ours := entryFor(here, l.to, ref, local)
			if !inBuckets(ref) || (both == ours && e == own) || (!both && theirs.More) {
				continue
			}
			if f := remedy(here, l.to, local, e, both, ours); f.record || f.status {
				tell[ref] = f
			}
		}
	})
	l.counters.differing.Add(uint64(len(tell)))
	for ref, f := range tell {
		l.tell(ref, f)
	}
}

// remedy is what to say about a family that differs: a member its status, a primary, or whoever has
// the newer record, the record.
func remedy(here, peer string, l *family.Local, e Entry, listed, ours bool) force {
	var f force
	f.status = (listed || ours) && family.SendsStatusTo(here, l) == peer
	switch {
	case listed:
		f.record = e.Version.Less(l.Record.Version)
	case ours:
		f.record = l.Record.Primary == here
	}
	return f
}

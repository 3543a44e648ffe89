package family

import "slices"

// R13: a Region whose history was cut short (restored from a backup, or formed anew from a node that was
// behind) begins a new life. It may have written records that it forgot, so it must not write another
// before it knows the greatest there is. Its families are suspended: what is here may be used, nothing is
// written, until every other Region has said, in the new life, what it has.

// lifeShift places a life in a status number, above all numbers of the lives before: what a member says
// after its rebirth is newer than what it said and forgot.
const lifeShift = 32

// floor is the least number of a status of this life.
func (d *decision) floor() uint64 {
	if d.here.Life <= 1 || mutant(OldNumbers) {
		return 0
	}
	return (d.here.Life - 1) << lifeShift
}

// whileSuspended decides what a suspended member takes in. All else waits.
func (d *decision) whileSuspended(c Command) error {
	d.searchAnew()
	switch c := c.(type) {
	case ReceiveRecord:
		d.adopt(&c)
	case Hear:
		d.hear(&c)
	case FinishCreate:
		d.finishCreate(&c)
	case FenceLost:
		if err := d.excuse(c.Region); err != nil {
			return err
		}
	case ReceiveStatus, Tick:
		return nil
	case ForcePromote:
		if len(d.l.Awaits) == 0 { // all were heard or given up, and nobody brings what is missing
			d.emit(FamilyResumed{})
			return d.forcePromote()
		}
		return first(d.mustLive(), refuse(StateSuspended))
	default:
		return first(d.mustLive(), refuse(StateSuspended))
	}
	d.resume()
	return nil
}

// searchAnew begins the search again when another Region's new life became known under way. Who was heard before may
// not have known of it then, and may since have taken in what that Region sent in the life that is over.
func (d *decision) searchAnew() {
	if d.l.Known == d.known() || mutant(OldWorld) {
		return
	}
	d.askAgain()
}

// askAgain awaits all Regions, but those that an operator gave up.
func (d *decision) askAgain() {
	all := slices.DeleteFunc(Awaited(d.here.Region, d.here.Peers, &d.l.Record), d.givenUp)
	if !slices.Equal(all, d.l.Awaits) {
		d.emit(FamilySuspended{Awaits: all})
	}
}

// known counts the new lives of other Regions that are known here. It only grows, so that equal counts mean equal lives.
func (d *decision) known() (n uint64) {
	for _, o := range d.here.Lives {
		if o.Region != d.here.Region {
			n += max(o.Life, 1) - 1
		}
	}
	return n
}

// knowsAsMuch reports whether another Region, when it answered, was in the picture about the lives of all the rest: then
// it takes in nothing any more of the lives that are over.
func (d *decision) knowsAsMuch(c *Hear) bool {
	for _, p := range d.here.Peers {
		if p != d.here.Region && p != c.From && !d.givenUp(p) && lifeOf(c.Lives, p) != lifeOf(d.here.Lives, p) {
			return mutant(OldWorld)
		}
	}
	return true
}

func lifeOf(lives []Life, region string) uint64 {
	for _, l := range lives {
		if l.Region == region {
			return max(l.Life, 1)
		}
	}
	return 1
}

func (d *decision) givenUp(region string) bool { return slices.Contains(d.l.Lost, region) }

// forgot reports whether a record shows that this Region forgot a part of the family's history: the
// family is unknown, and in an earlier life this Region wrote in it, was its primary or became its member.
func (d *decision) forgot(r *Record) bool {
	if d.here.Life <= 1 || !d.l.Record.Version.IsZero() {
		return false
	}
	m := r.member(d.here.Region)
	return r.Writer == d.here.Region || r.Primary == d.here.Region || m != nil && max(m.Life, 1) < d.here.Life
}

// suspend begins R13 for a family that was met after the rebirth.
func (d *decision) suspend(r *Record) {
	d.emit(FamilySuspended{Awaits: Awaited(d.here.Region, d.here.Peers, r)})
}

// Awaited returns the Regions that must be heard before a family goes on: all of the cluster, and all
// members that no operator fenced, but region itself.
func Awaited(region string, peers []string, r *Record) []string {
	var out []string
	for _, p := range peers {
		if m := r.member(p); p != region && (m == nil || !m.Fenced) {
			out = append(out, p)
		}
	}
	for i := range r.Members {
		if m := &r.Members[i]; m.Region != region && !m.Gone && !slices.Contains(out, m.Region) {
			out = append(out, m.Region)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// adopt takes a newer record for what it is, also one that this Region wrote and forgot.
func (d *decision) adopt(c *ReceiveRecord) {
	r := &c.Record
	if !d.l.Record.Version.Less(r.Version) {
		if d.l.Live() {
			d.importMaterials(d.entrusted(c.From, r, c.Carried))
		}
		return
	}
	if !d.l.Record.Version.sameTerm(r.Version) && !mutant(OtherTerms) {
		defer d.askAgain()
	}
	m := r.member(d.here.Region)
	switch {
	case m != nil && !m.Gone && d.l.Live() && m.Inc == d.l.Inc:
		whole := holdsPermanent(d.l.Held, &d.l.Record)
		d.acceptEvent(c)
		d.importMaterials(d.entrusted(c.From, r, c.Carried))
		if d.l.Record.external() {
			d.followImports(whole)
		}
		if d.l.Updating { // consent is given anew, if it is still wanted
			d.emit(Thawed{})
		}
	case m != nil && !m.Gone && d.l.Inc.Less(m.Inc):
		forgotten := *c
		forgotten.Refuse = "" // it was taken in once
		d.join(&forgotten, m.Inc)
	case d.l.Live():
		inc := d.l.Inc
		if m != nil && inc.Less(m.Inc) {
			inc = m.Inc
		}
		d.orphan(c, inc, "")
	case !d.l.Record.Version.IsZero():
		d.acceptEvent(c)
		d.release()
	}
}

// hear notes what another Region has, when nothing of it is missing here any more.
func (d *decision) hear(c *Hear) {
	if c.Life != d.here.Life && !mutant(OldAnswers) || d.l.Record.Version.Less(c.Version) {
		return // of an earlier life; or its record comes first
	}
	if !d.knowsAsMuch(c) || Outdated(&d.l, c.From, c.Version) && !mutant(OtherTerms) {
		return // it is asked again
	}
	if d.l.Live() && (d.l.Record.Primary == d.here.Region || !d.primarySearches()) { // else the primary gives it all
		for _, id := range c.Held {
			if !d.l.Record.external() && lists(d.l.Record.Materials, id) && !has(d.l.Held, id) {
				return
			}
		}
	}
	if d.l.Orphan && d.forgetful(c) && !mutant(EarlyRelease) {
		return // this orphan gives it what it forgot, when it is asked
	}
	if slices.Contains(d.l.Awaits, c.From) {
		d.emit(PeerHeard{Region: c.From, Known: d.known()})
	}
}

// primarySearches reports whether the primary, as far as can be told, is suspended: it was met in a life of which the record
// says nothing. Each life of a primary opens a generation of its own when it goes on.
func (d *decision) primarySearches() bool {
	r := &d.l.Record
	life := uint64(1)
	if r.Version.GenBy == r.Primary && r.Version.Gen>>blockShift > 0 {
		life = uint64(r.Version.Gen & (1<<blockShift - 1))
	}
	return lifeOf(d.here.Lives, r.Primary) > life
}

// Outdated reports whether what a Region said it has is of another primary's term than the one known here, or of before
// it was made a member: it may still take in secrets that come from who was primary then. It must be told first.
func Outdated(l *Local, from string, version Version) bool {
	if version.IsZero() {
		m := l.Record.member(from)
		return m != nil && !m.Gone
	}
	return !version.sameTerm(l.Record.Version)
}

// forgetful reports whether an answer is of a primary that has forgotten what is held here: its record is an older one, or
// lists what it lacks.
func (d *decision) forgetful(c *Hear) bool {
	return c.From == d.l.Record.Primary && (c.Version.Less(d.l.Record.Version) || len(intersection(d.l.Held, c.Lacks)) > 0)
}

// excuse gives a Region up that will never answer.
func (d *decision) excuse(region string) error {
	if !WaitsFor(d.here.Region, &d.l, region) || !slices.Contains(d.l.Awaits, region) && !slices.Contains(d.here.Peers, region) {
		return first(d.mustLive(), refuse(StateSuspended))
	}
	d.emit(PeerHeard{Region: region, Lost: true, Known: d.known()})
	return nil
}

// WaitsFor reports whether a suspended member waits for a Region's word: its own, or that the Regions which are to be
// heard have met it in its present life.
func WaitsFor(here string, l *Local, region string) bool {
	return l.Suspended && region != here && len(l.Awaits) > 0 && !slices.Contains(l.Lost, region)
}

// resume ends the suspension when all were heard. A primary goes on in a generation of its own.
func (d *decision) resume() {
	if !d.l.Suspended || len(d.l.Awaits) > 0 && !mutant(NoSuspension) {
		return
	}
	if d.l.Record.Primary == d.here.Region && d.l.Live() {
		d.resumePrimary()
		return
	}
	if d.l.Live() && !d.whole() {
		return // the primary gives it what is missing, or drops it
	}
	d.emit(FamilyResumed{})
	d.release()
	if h := d.l.Record.Handoff; h != nil && h.To == d.here.Region && d.l.Live() {
		d.consider(h.Attempt, undecided(h))
	}
}

// undecided is why a hand-off that was met while suspended goes no further: nobody was asked whether its caller may
// have it. The caller may try again.
func undecided(h *Handoff) string {
	if h.By == "" && len(h.Caller) == 0 {
		return ""
	}
	return "KMSInternalException: the Region was restored before it could decide about the caller"
}

// whole reports whether every material of the record is here, also one that is pending: the primary may believe so, from
// a report of before. A replica that was complete needs one to encrypt with, too.
func (d *decision) whole() bool {
	r := &d.l.Record
	return r.external() || holdsAll(d.l.Held, r.Materials) && !(d.l.Complete && r.Current.IsZero())
}

// resumePrimary goes on with what is left, even if that is nothing: then the key cannot be used, but its callers can
// delete it, and what is found again later, in another Region that is restored, makes it whole.
func (d *decision) resumePrimary() {
	r := d.next()
	r.Handoff = nil
	if !mutant(SameEpoch) {
		r.Version = d.generation(d.l.Record.Version)
	}
	r.Materials, r.Current, r.Pending, r.PendingAt = d.surviving()
	whole := holdsPermanent(d.l.Held, &d.l.Record)
	d.emit(PrimaryResumed{Record: r, Certificate: certify(r, d.here.Region)})
	d.salvageOwn()
	d.finishCreate(&FinishCreate{})
	if d.l.Record.external() {
		d.followImports(whole)
	}
	if d.l.State == PendingDeletion && d.othersLive() {
		d.emit(ReplicaDeletionAwaited{WindowDays: d.l.WindowDays})
	}
	d.progress()
}

// generation returns the version of the first record of a generation that this Region opens after v.
func (d *decision) generation(v Version) Version {
	return Version{Gen: generationOf(v.Gen, d.here.Life), GenBy: d.here.Region, Epoch: v.Epoch + 1, Seq: 1}
}

// Generations are numbered in blocks: each life of a Region has one place in every block, and the next generation that it
// opens is at that place of the next block. So no two lives of a Region open the same one, whatever the later life forgot;
// and no two Regions do, for the version names the Region. In the first life, the first block is counted through.
const (
	blockShift = 16
	lastBlock  = MaxCount >> (blockShift + 1)
)

// generationOf returns the generation that a life opens where last is the greatest that it knows.
func generationOf(last uint32, life uint64) uint32 {
	block := last >> blockShift
	if life <= 1 && (last+1)>>blockShift == 0 || block >= lastBlock {
		return last + 1
	}
	return (block+1)<<blockShift | uint32(max(life, 1)&(1<<blockShift-1))
}

// surviving is what is left of the record's materials: those whose secret is here. All others were heard,
// so nobody has the rest. Imported ones are brought again, but for a pending one.
func (d *decision) surviving() (materials []Material, current, pending MaterialID, pendingAt int64) {
	r := &d.l.Record
	current = r.Current
	for _, m := range r.Materials {
		if has(d.l.Held, m.ID) || r.external() && m.ID != r.Pending {
			materials = append(materials, m)
		}
	}
	if has(d.l.Held, r.Pending) {
		pending, pendingAt = r.Pending, r.PendingAt
	}
	if lists(materials, current) {
		return materials, current, pending, pendingAt
	}
	current = MaterialID{}
	for _, m := range materials {
		if m.ID != pending {
			current = m.ID
		}
	}
	return materials, current, pending, pendingAt
}

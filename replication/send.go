package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/region/trace"
)

// parcel is what is to be said about a family to a Region, read from the state at one moment.
type parcel struct {
	local   *family.Local
	record  bool
	status  bool
	carried []stored // with the record
	salvage []stored // with the status
	ask     bool     // what the other Region has, see reborn.go
	open    bool     // the state demands a message, though the memory may say that it was said
	told    bool     // the other Region has this record
	bare    bool     // the record goes, or went, without the materials that it is to carry
	due     int64    // Region time at which what a lag profile holds back may go; 0: it holds nothing
}

// result is what came of delivering a parcel.
type result struct {
	memory memory
	open   bool
	due    int64 // of the parcel
	more   force
	err    error // nothing, or not all, was said: try again later
}

var (
	errRefused = errors.New("refused by the other Region")
	errLater   = errors.New("the other Region asks to try again")
)

// pack reads from the state what is to be said. Nothing is: nil.
func (l *link) pack(ref keyengine.Ref, f force, m memory) (p *parcel) {
	here := l.config.Place.Region
	l.config.Region.View(func(v *keyengine.View) {
		local, ok := v.Family(ref)
		if !ok || local.Record.Version.IsZero() || local.Halted != "" {
			return
		}
		p = &parcel{local: local, record: f.record, status: f.status && family.SendsStatusTo(here, local) == l.to}
		known := m.inc == local.Inc && m.sv == local.SV
		if family.SendsStatusTo(here, local) == l.to && !known {
			p.status = true
		}
		for _, o := range family.Obligations(here, local) {
			if o.To != l.to {
				continue
			}
			p.open = true
			switch o.What {
			case family.SendRecord:
				p.record = p.record || m.told != local.Record.Version || m.bare
			case family.SendStatus:
				p.status = p.status || !known
			case family.SendQuestion:
				p.ask = true
			}
		}
		p.told = m.told == local.Record.Version
		if p.record {
			p.carried = storedOf(v, l.carries(local, f.want))
		}
		if p.status {
			p.salvage = storedOf(v, family.Carries(here, local, family.Obligation{To: l.to, What: family.SendStatus}))
		}
	})
	return p
}

// carries are the materials that go with a record: those that the member's status lacks and those
// that it asked for. They go to members that live, and to the primary, alone.
func (l *link) carries(local *family.Local, want []family.MaterialID) []family.MaterialID {
	if local.Record.Origin == originExternal {
		return nil
	}
	ids := family.Carries(l.config.Place.Region, local, family.Obligation{To: l.to, What: family.SendRecord})
	member := slices.ContainsFunc(local.Record.Members, func(m family.Member) bool { return m.Region == l.to && !m.Gone })
	if !member {
		return nil
	}
	for _, id := range want {
		listed := slices.ContainsFunc(local.Record.Materials, func(m family.Material) bool { return m.ID == id })
		if listed && slices.Contains(local.Held, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// deliver says what is to be said about a family and draws the conclusions.
func (l *link) deliver(ref keyengine.Ref, f force, m memory, key sealingKey) result {
	p := l.pack(ref, f, m)
	if p == nil {
		return result{memory: m}
	}
	l.hold(ref, p, m)
	res := result{memory: m, open: p.open, due: p.due}
	ctx, span := l.tracing(p)
	if p.record {
		l.deliverRecord(ctx, p, key, &res)
	}
	if p.status && res.err == nil {
		l.deliverStatus(ctx, p, l.sealTo(), &res)
	}
	if p.ask && res.err == nil {
		if res.err = l.question(p.local); res.err == nil {
			res.open = l.owed(ref) // the answer was the last word, and no news may come of it
		}
	}
	span.End(res.err)
	return res
}

func (l *link) deliverRecord(ctx context.Context, p *parcel, key sealingKey, res *result) {
	rec := &p.local.Record
	body := l.recordBody(p.local, family.Version{})
	a, err := l.sendInParts(ctx, KindRecord, rec, rec.Version, p.carried, key, func() []byte {
		body.Nonce = newNonce()
		return canonical.Marshal(body)
	})
	if res.err = err; err != nil {
		return
	}
	res.memory.told, res.memory.bare = rec.Version, p.bare
	if p.bare {
		return // what it lacks is known, and held back
	}
	if want := l.helps(p, a.Lacks); len(want) > 0 {
		res.more = force{record: true, want: want}
	}
}

// helps returns what the other Region lacks, this one holds and has not just sent.
func (l *link) helps(p *parcel, lacks []family.MaterialID) (want []family.MaterialID) {
	for _, id := range lacks {
		sent := slices.ContainsFunc(p.carried, func(s stored) bool { return s.id == id })
		if !sent && slices.Contains(p.local.Held, id) {
			want = append(want, id)
		}
	}
	return want
}

func (l *link) deliverStatus(ctx context.Context, p *parcel, key sealingKey, res *result) {
	rec := &p.local.Record
	status := family.StatusOf(l.config.Place.Region, p.local)
	body := StatusBody{Partition: rec.Partition, Account: rec.Account, KeyID: rec.KeyID, Status: status}
	body.since(l.level())
	a, err := l.sendInParts(ctx, KindStatus, rec, status.Applied, p.salvage, key, func() []byte {
		body.Nonce = newNonce()
		return canonical.Marshal(&body)
	})
	if res.err = err; err != nil {
		return
	}
	res.memory.inc, res.memory.sv = status.Inc, status.SV
	// The Region to which this one reports has an older record: perhaps the one that makes it the
	// primary never arrived. Whoever has it may bring it.
	want := l.helps(p, a.Lacks)
	if a.Version.Less(rec.Version) || len(want) > 0 {
		res.more = force{record: true, want: want}
	}
}

// sendInParts sends a message and its materials, at most MaxMaterials at a time, and returns the
// last answer.
func (l *link) sendInParts(ctx context.Context, kind Kind, rec *family.Record, version family.Version, materials []stored, key sealingKey, body func() []byte) (a *AnswerBody, err error) {
	for first := true; first || len(materials) > 0; first = false {
		part := materials[:min(len(materials), MaxMaterials)]
		materials = materials[len(part):]
		if a, err = l.sendPart(ctx, kind, rec, version, part, &key, body); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// sendPart sends one envelope. If the other Region cannot open what is sealed to key, the key that
// it answers takes its place, once.
func (l *link) sendPart(ctx context.Context, kind Kind, rec *family.Record, version family.Version, part []stored, key *sealingKey, body func() []byte) (*AnswerBody, error) {
	for attempt := 0; ; attempt++ {
		sealed, err := l.seal(l.to, *key, rec, version, part)
		if err != nil {
			return nil, err
		}
		a, e, err := l.ask(ctx, l.to, kind, body(), sealed, requestTimeout)
		if err != nil {
			return nil, err
		}
		switch a.Code {
		case CodeOK:
			return a, nil
		case CodeNewer:
			return a, l.learn(a, e)
		case CodeReseal:
			*key = sealingKey{a.Key.Step, a.Key.Public}
			l.resealTo(*key, e.SrcLife)
			if attempt == 0 {
				continue
			}
			return nil, fmt.Errorf("%w: it cannot open what is sealed to the key it gave", errRefused)
		case CodeRetry:
			return nil, errLater
		default:
			l.counters.refused.Add(1)
			l.log.Warn("refused", "by", l.to, "kind", kind, "key", rec.KeyID, "reason", a.Reason)
			return nil, fmt.Errorf("%w: %s", errRefused, a.Reason)
		}
	}
}

// learn takes in the newer record of an answer.
func (l *link) learn(a *AnswerBody, e *Envelope) error {
	ctx, cancel := context.WithTimeout(l.ctx, requestTimeout)
	defer cancel()
	learned, err := l.takeRecord(ctx, senderOf(e), a.Record, e.Sealed)
	switch {
	case err != nil:
		return fmt.Errorf("newer record from %s: %w", l.to, err)
	case learned.Code == CodeReseal:
		return fmt.Errorf("%w: materials of a newer record", errCannotOpen)
	}
	return nil
}

// ask sends a request and returns its answer, which is from dst and belongs to this request.
func (s *session) ask(ctx context.Context, dst string, kind Kind, body []byte, sealed *Sealed, timeout time.Duration) (a *AnswerBody, e *Envelope, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.paused(dst) {
		return nil, nil, fmt.Errorf("%w: synchronisation with %s is paused", ErrUnreachable, dst)
	}
	ctx, span := trace.Start(ctx, "ask Region")
	span.Text("meridian.to", dst)
	span.Text("meridian.kind", string(kind))
	defer func() { span.End(err) }()
	request := s.envelope(dst, kind, body, sealed)
	s.counters.sent.Add(1)
	raw, err := s.config.Bus.Request(ctx, dst, kind, request)
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", dst, err)
	}
	a, e, err = s.readAnswer(dst, request, raw)
	if err != nil {
		s.poison(dst, kindAnswer, raw, err)
		return nil, nil, fmt.Errorf("answer of %s: %w", dst, err)
	}
	s.counters.answered.Add(1)
	return a, e, nil
}

func (s *session) readAnswer(dst string, request, raw []byte) (*AnswerBody, *Envelope, error) {
	e, err := DecodeEnvelope(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := s.check(e, dst, kindAnswer); err != nil {
		return nil, nil, err
	}
	a, err := DecodeBody[AnswerBody](e.Body)
	if err != nil {
		return nil, nil, err
	}
	if a.Request != digestOf(request) {
		return nil, nil, fmt.Errorf("%w: answer to another request", errForged)
	}
	return a, e, nil
}

// meet exchanges sealing keys and lives with the other Region.
func (l *link) meet() (key sealingKey, life uint64, err error) {
	own, err := l.announcement(l.to)
	if err != nil {
		return key, 0, err
	}
	a, e, err := l.ask(l.ctx, l.to, KindKey, canonical.Marshal(own), nil, probeTimeout)
	if err != nil {
		return key, 0, err
	}
	if a.Code != CodeKey {
		return key, 0, fmt.Errorf("meet %s: %w: %s", l.to, errRefused, a.Reason)
	}
	l.remembered(l.ctx, l.to, a.Key.LifeSeen)
	if e.SrcLife > own.LifeSeen {
		if err := l.config.Region.Propose(l.ctx, keyengine.SeePeer{Region: l.to, Life: e.SrcLife}, nil); err != nil {
			return key, 0, fmt.Errorf("note the life of %s: %w", l.to, err)
		}
	}
	if err := l.hearLevel(l.ctx, a.Key.Level, e.SrcLife, true); err != nil {
		return key, 0, err
	}
	return sealingKey{a.Key.Step, a.Key.Public}, e.SrcLife, nil
}

package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// handle answers a request of another Region. What is not from whom it says gets an answer only if
// the Region is known, for the sake of the one that has made a mistake.
func (s *session) handle(ctx context.Context, src string, kind Kind, raw []byte) []byte {
	if s.peers[src] == nil {
		s.poison(src, kind, raw, fmt.Errorf("%w: unknown Region", errForged))
		return nil
	}
	if s.paused(src) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx, span := s.arrived(ctx, src, kind)
	defer span.End(nil)
	a, sealed := s.consider(ctx, src, kind, raw)
	span.Number("meridian.answer", int64(a.Code))
	a.Request = digestOf(raw)
	answer := s.envelope(src, kindAnswer, canonical.Marshal(a), sealed)
	if len(answer) > MaxEnvelope {
		a = refusal("the answer is too large")
		a.Request = digestOf(raw)
		answer = s.envelope(src, kindAnswer, canonical.Marshal(a), nil)
	}
	return answer
}

func refusal(reason string) *AnswerBody {
	return &AnswerBody{Code: CodeRefused, Reason: shorten(reason)}
}

// consider verifies a request and does what it asks.
func (s *session) consider(ctx context.Context, src string, kind Kind, raw []byte) (*AnswerBody, *Sealed) {
	e, err := DecodeEnvelope(raw)
	if err == nil {
		err = s.check(e, src, kind)
	}
	if err != nil {
		s.poison(src, kind, raw, err)
		return refusal(err.Error()), nil
	}
	if a := s.seeLife(ctx, e); a != nil {
		return a, nil
	}
	s.links[src].met(e.SrcLife)
	a, sealed, err := s.act(ctx, e)
	switch {
	case err == nil:
		s.counters.received.Add(1)
		s.links[src].contact()
		return a, sealed
	case isPoison(err):
		err = s.links[src].ahead(err)
		s.poison(src, kind, raw, err)
		return refusal(err.Error()), nil
	default:
		s.log.Info("request not taken in", "from", src, "kind", kind, "err", err)
		return &AnswerBody{Code: CodeRetry}, nil
	}
}

// errMalformed is a body that cannot be decoded, or whose content is impossible.
var errMalformed = errors.New("malformed")

// isPoison reports whether a message will never be taken in: it is forged or malformed, in this
// package's eyes or in the engine's.
func isPoison(err error) bool {
	var f *kmsapi.Fault
	return errors.Is(err, errMalformed) || errors.Is(err, errForged) ||
		errors.As(err, &f) && f.Code == kmsapi.ValidationException
}

// read is DecodeBody with a poison's error.
func read[T any, P body[T]](b []byte) (*T, error) {
	v, err := DecodeBody[T, P](b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return v, nil
}

// seeLife keeps the greatest life of each Region. What was sent in an earlier life is refused, but
// for the meeting in which a Region learns that it is in one.
func (s *session) seeLife(ctx context.Context, e *Envelope) *AnswerBody {
	var seen uint64
	s.config.Region.View(func(v *keyengine.View) { seen = v.Peer(e.Src) })
	switch {
	case e.SrcLife > seen:
		if err := s.config.Region.Propose(ctx, keyengine.SeePeer{Region: e.Src, Life: e.SrcLife}, nil); err != nil {
			return &AnswerBody{Code: CodeRetry}
		}
	case e.SrcLife < seen && e.Kind != KindKey:
		return refusal(fmt.Sprintf("of life %d, but life %d was seen", e.SrcLife, seen))
	}
	return nil
}

// act does what a verified request asks.
func (s *session) act(ctx context.Context, e *Envelope) (*AnswerBody, *Sealed, error) {
	switch e.Kind {
	case KindRecord:
		b, err := read[RecordBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		a, err := s.takeRecord(ctx, senderOf(e), b, e.Sealed)
		return s.enclose(e.Src, a, err)
	case KindStatus:
		b, err := read[StatusBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		a, err := s.takeStatus(ctx, senderOf(e), b, e.Sealed)
		return s.enclose(e.Src, a, err)
	case KindDigest:
		b, err := read[DigestBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		return s.answerDigest(e.Src, b), nil, nil
	case KindKey:
		b, err := read[KeyBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		s.links[e.Src].announced(sealingKey{b.Step, b.Public}, e.SrcLife)
		s.remembered(ctx, e.Src, b.LifeSeen)
		if err := s.links[e.Src].hearLevel(ctx, b.Level, e.SrcLife, false); err != nil {
			return nil, nil, err
		}
		own, err := s.announcement(e.Src)
		return &AnswerBody{Code: CodeKey, Key: own}, nil, err
	case KindPre:
		b, err := read[PreBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		return s.giveConsent(ctx, e.Src, b), nil, nil
	case KindAsk:
		b, err := read[AskBody](e.Body)
		if err != nil {
			return nil, nil, err
		}
		return s.answerQuestion(ctx, e, b)
	}
	return nil, nil, fmt.Errorf("%w: unknown kind", errMalformed)
}

// answered is an answer in the making: newer, when set, is this Region's own record, to be sent
// with it.
type answered struct {
	*AnswerBody
	newer *family.Local
}

// enclose completes an answer: with this Region's key where materials could not be opened, with its
// record where that is newer, and with the materials that its sender lacks, if it is a member.
func (s *session) enclose(src string, a answered, err error) (*AnswerBody, *Sealed, error) {
	switch {
	case err != nil:
		return nil, nil, err
	case a.Code == CodeReseal:
		a.Key, err = s.announcement(src)
		return a.AnswerBody, nil, err
	case a.newer == nil:
		return a.AnswerBody, nil, nil
	}
	l, rec := s.links[src], &a.newer.Record
	heldBack, bare := s.holds(keyengine.Ref{Account: rec.Account, KeyID: rec.KeyID}, a.newer, src)
	if heldBack { // it comes by itself when it is due
		return a.AnswerBody, nil, nil
	}
	a.Code, a.Record = CodeNewer, s.recordBody(a.newer, family.Version{})
	key := l.sealTo()
	if len(key.public) == 0 || bare {
		return a.AnswerBody, nil, nil
	}
	var materials []stored
	s.config.Region.View(func(v *keyengine.View) { materials = storedOf(v, l.carries(a.newer, nil)) })
	sealed, err := s.seal(src, key, rec, rec.Version, materials[:min(len(materials), MaxMaterials)])
	return a.AnswerBody, sealed, err
}

func (s *session) local(ref keyengine.Ref) (l *family.Local) {
	s.config.Region.View(func(v *keyengine.View) {
		if found, ok := v.Family(ref); ok {
			l = found
		}
	})
	if l == nil {
		l = new(family.Local)
	}
	return l
}

// said is the answer after apply: what this Region has now, and what it lacks.
func (s *session) said(ref keyengine.Ref) answered {
	l := s.local(ref)
	a := &AnswerBody{Code: CodeOK, Version: l.Record.Version, Inc: l.Inc, SV: l.SV}
	if l.Live() && l.Record.Origin != originExternal {
		lacks := family.Lacks(l)
		a.Lacks = lacks[:min(len(lacks), MaxMaterials)]
	}
	return answered{AnswerBody: a}
}

func senderOf(e *Envelope) keyengine.Sender { return keyengine.Sender{Region: e.Src, Life: e.SrcLife} }

// takeRecord takes in a record that another Region carried here, with its materials.
func (s *session) takeRecord(ctx context.Context, by keyengine.Sender, b *RecordBody, sealed *Sealed) (answered, error) {
	if err := s.prove(b); err != nil {
		return answered{}, err
	}
	ref := keyengine.Ref{Account: b.Record.Account, KeyID: b.Record.KeyID}
	unlock, ok := s.lock(ctx, ref)
	if !ok {
		return answered{}, ctx.Err()
	}
	defer unlock()

	l := s.local(ref)
	if family.MustTell(l, b.Record.Version) {
		a := s.said(ref)
		a.newer = l
		return a, nil
	}
	arrived, err := s.open(by.Region, sealed, &b.Record, b.Record.Version, l.Held)
	if errors.Is(err, errCannotOpen) {
		return answered{AnswerBody: &AnswerBody{Code: CodeReseal}}, nil
	}
	if err != nil {
		return answered{}, err
	}
	if err := s.enter(ctx, by, ref, l, b, arrived); err != nil {
		return answered{}, err
	}
	return s.said(ref), nil
}

// enter puts a record and its materials into the log. A replica is born in two entries: the record
// makes it Creating, the materials complete it.
func (s *session) enter(ctx context.Context, by keyengine.Sender, ref keyengine.Ref, l *family.Local, b *RecordBody, arrived *opened) error {
	receive := keyengine.ReceiveRecord{Record: b.Record, Signature: b.Signature, Certificates: b.Certificates, By: by}
	newer := l.Record.Version.Less(b.Record.Version)
	unborn := !l.Live() || !l.Complete
	refuse, err := s.reasonAgainst(ctx, l, &b.Record)
	if err != nil {
		return err
	}
	receive.Refuse = refuse
	if newer && unborn {
		if err := s.config.Region.Propose(ctx, receive, nil); err != nil {
			return err
		}
		l, newer = s.local(ref), false
	}
	if unborn && l.Live() && !l.Complete && completes(l, arrived) {
		return s.config.Region.Propose(ctx, keyengine.FinishCreate{Ref: ref, Of: b.Record.Version, Materials: arrived.materials, By: by}, arrived.secrets)
	}
	if !newer && (len(arrived.materials) == 0 || !l.Live()) {
		return nil
	}
	receive.Carried = arrived.materials
	return s.config.Region.Propose(ctx, receive, arrived.secrets)
}

// completes reports whether the member has every material once it has these.
func completes(l *family.Local, arrived *opened) bool {
	with := *l
	with.Held = slices.Concat(l.Held, arrived.ids())
	slices.SortFunc(with.Held, family.MaterialID.Compare)
	return family.Completable(&with)
}

// reasonAgainst is why this Region does not do what the record asks of it, or "". A question that cannot be decided now
// is an error: the record is not taken in, and comes again.
func (s *session) reasonAgainst(ctx context.Context, l *family.Local, r *family.Record) (string, error) {
	p, asks := Asks(s.config.Place.Region, l, r)
	if !asks {
		return "", nil
	}
	switch f := s.config.Region.Precheck(ctx, p); {
	case f == nil:
		return "", nil
	case temporary(f):
		return "", fmt.Errorf("decide about the caller of %s: %w", p.Operation, f)
	default:
		return shorten(f.Error()), nil
	}
}

// temporary reports whether a fault is a failure of the service and no verdict.
func temporary(f *kmsapi.Fault) bool { return f.StatusCode() >= 500 }

// takeStatus takes in what another Region says about its member.
func (s *session) takeStatus(ctx context.Context, by keyengine.Sender, b *StatusBody, sealed *Sealed) (answered, error) {
	src := by.Region
	if b.Status.From != src || b.Partition != s.config.Place.Partition {
		return answered{}, fmt.Errorf("%w: status of another Region", errForged)
	}
	ref := keyengine.Ref{Account: b.Account, KeyID: b.KeyID}
	unlock, ok := s.lock(ctx, ref)
	if !ok {
		return answered{}, ctx.Err()
	}
	defer unlock()

	l := s.local(ref)
	here := s.config.Place.Region
	if l.Record.Primary != here || l.Orphan {
		return s.sendOn(ref, l, b.Status.Applied), nil
	}
	arrived, err := s.open(src, sealed, &l.Record, b.Status.Applied, l.Held)
	if errors.Is(err, errCannotOpen) {
		return answered{AnswerBody: &AnswerBody{Code: CodeReseal}}, nil
	}
	if err != nil {
		return answered{}, err
	}
	if !seen(l, &b.Status) || len(arrived.materials) > 0 {
		c := keyengine.ReceiveStatus{Ref: ref, Status: b.Status, Carried: arrived.materials, By: by}
		if err := s.config.Region.Propose(ctx, c, arrived.secrets); err != nil {
			return answered{}, err
		}
		l = s.local(ref)
	}
	owed := slices.ContainsFunc(family.Obligations(here, l), func(o family.Obligation) bool { return o.To == src })
	if owed {
		return s.said(ref), nil // its record is on the way
	}
	return s.sendOn(ref, l, b.Status.Applied), nil
}

// sendOn answers a status whose sender should know this Region's record, if that is newer.
func (s *session) sendOn(ref keyengine.Ref, l *family.Local, applied family.Version) answered {
	a := s.said(ref)
	if family.MustTell(l, applied) {
		a.newer = l
	}
	return a
}

// seen reports whether a status, or a later one, was received before.
func seen(l *family.Local, s *family.Status) bool {
	for i := range l.View {
		if old := &l.View[i]; old.From == s.From {
			order := old.Inc.Compare(s.Inc)
			return order > 0 || order == 0 && old.SV >= s.SV
		}
	}
	return false
}

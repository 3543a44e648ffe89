package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// A Region in a new life asks every other what it has of each family (the protocol's rule R13). The
// answer belongs to this question and is given by a leader that still leads, after it has noted the new
// life: nothing that this Region said before reaches the other Region from then on.

// errMoreToHear: an answer was taken in, and did not bring all that the other Region has.
var errMoreToHear = errors.New("the other Region has more to say")

// question asks the link's Region about a family and takes in what it says.
func (l *link) question(local *family.Local) error {
	rec := &local.Record
	ref := keyengine.Ref{Account: rec.Account, KeyID: rec.KeyID}
	life := l.config.Region.Life()
	body := AskBody{
		Nonce: newNonce(), Partition: rec.Partition, Account: rec.Account, KeyID: rec.KeyID, Applied: rec.Version, Held: local.Held,
	}
	a, e, err := l.ask(l.ctx, l.to, KindAsk, canonical.Marshal(&body), nil, requestTimeout)
	if err != nil {
		return err
	}
	switch a.Code {
	case CodeNewer:
		if err := l.learn(a, e); err != nil {
			return err
		}
	case CodeOK:
	case CodeRetry:
		return errLater
	default:
		return fmt.Errorf("%w: %s", errRefused, a.Reason)
	}
	heard := keyengine.Hear{Ref: ref, By: senderOf(e), Life: life, Lives: a.Lives, Version: a.Version, Held: a.Held, Lacks: a.Lacks}
	if err := l.config.Region.Propose(l.ctx, heard, nil); err != nil {
		return err
	}
	if known := l.local(ref); a.Version.Less(known.Record.Version) && (l.to == known.Record.Primary || family.Outdated(known, l.to, a.Version)) {
		l.tell(ref, force{record: true}) // perhaps it does not know any more that it is the primary, or who is
	}
	for _, o := range family.Obligations(l.config.Place.Region, l.local(ref)) {
		if o.To == l.to && o.What == family.SendQuestion {
			return errMoreToHear
		}
	}
	return nil
}

// owed reports whether the state still owes the link's Region a message about a family.
func (l *link) owed(ref keyengine.Ref) bool {
	return slices.ContainsFunc(family.Obligations(l.config.Place.Region, l.local(ref)), func(o family.Obligation) bool { return o.To == l.to })
}

// answerQuestion says what this Region has of a family: its record, if that is newer or if there are
// materials to give, and which materials the asking Region does not hold.
func (s *session) answerQuestion(ctx context.Context, e *Envelope, b *AskBody) (*AnswerBody, *Sealed, error) {
	// Through the log, so that a leader which was deposed and does not know it says nothing.
	if err := s.config.Region.Propose(ctx, keyengine.SeePeer{Region: e.Src, Life: e.SrcLife}, nil); err != nil {
		return nil, nil, err
	}
	ref := keyengine.Ref{Account: b.Account, KeyID: b.KeyID}
	a := s.said(ref).AnswerBody
	var l *family.Local
	var materials []stored
	s.config.Region.View(func(v *keyengine.View) {
		a.Lives = v.Lives()
		found, ok := v.Family(ref)
		if !ok {
			return
		}
		l = found
		a.Held = notIn(l.Held, b.Held)
		materials = storedOf(v, family.Gives(e.Src, l, a.Held))
	})
	if l == nil || l.Record.Version.IsZero() {
		return &AnswerBody{Code: CodeOK, Lives: a.Lives}, nil, nil
	}
	a.Version, a.Lacks = l.Record.Version, nil
	if l.Live() && l.Record.Origin != originExternal {
		a.Lacks = family.Lacks(l) // all of them, and of this moment
	}
	if !family.MustTell(l, b.Applied) && len(materials) == 0 {
		return a, nil, nil
	}
	a.Code, a.Record = CodeNewer, s.recordBody(l, family.Version{})
	key := s.links[e.Src].sealTo()
	if len(key.public) == 0 || len(materials) == 0 {
		return a, nil, nil
	}
	sealed, err := s.seal(e.Src, key, &l.Record, l.Record.Version, materials[:min(len(materials), MaxMaterials)])
	return a, sealed, err
}

func notIn(set, other []family.MaterialID) (out []family.MaterialID) {
	known := make(map[family.MaterialID]bool, len(other))
	for _, id := range other {
		known[id] = true
	}
	for _, id := range set {
		if !known[id] {
			out = append(out, id)
		}
	}
	return out
}

// remembered compares the life that another Region remembers of this one with the present one. A
// greater one says that this Region was restored from a state older than what others have seen.
func (s *session) remembered(ctx context.Context, by string, life uint64) {
	own := s.config.Region.Life()
	if life <= own {
		return
	}
	s.log.Error("another Region remembers a later life of this one: its history was lost, and a new life begins", "by", by, "life", own, "remembered", life)
	if err := s.config.Region.Outlived(ctx, life); err != nil {
		s.log.Warn("the new life did not begin and will be tried again", "err", err)
		return
	}
	for _, l := range s.links {
		s.tasks.Go(l.noteOwed)
	}
}

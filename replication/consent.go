package replication

import (
	"context"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// consentTimeout bounds how long a caller waits for another Region's consent.
const consentTimeout = time.Second

// askConsent is Precheck in a session.
func (s *session) askConsent(ctx context.Context, dst string, p Pre) *kmsapi.Fault {
	p.From = s.config.Place.Region
	body := PreBody{Nonce: newNonce(), Pre: p}
	a, _, err := s.ask(ctx, dst, KindPre, canonical.Marshal(&body), nil, consentTimeout)
	if err != nil {
		s.log.Info("no word on consent", "from", dst, "operation", p.Operation, "key", p.KeyID, "err", err)
		return nil
	}
	switch {
	case a.Code == CodeRefused && len(p.Init.Caller) > 0 && s.links[dst].level() < keyengine.LevelCaller:
		p.Init.Caller = nil // it is older, and decides by the name alone
		return s.askConsent(ctx, dst, p)
	case a.Code == CodeRefused: // it does not take the question as it is, and so would not take the record: it may be older
		return kmsapi.Errorf(kmsapi.KMSInternalException, "Region %s cannot decide about %s: %s. Try again when it runs the same version.", dst, p.Operation, a.Reason)
	case a.Code != CodeConsent || a.FaultCode == "":
		return nil
	}
	return &kmsapi.Fault{Code: a.FaultCode, Message: a.Reason}
}

// giveConsent answers another Region's question.
func (s *session) giveConsent(ctx context.Context, src string, b *PreBody) *AnswerBody {
	if b.Pre.From != src {
		return refusal("asks for another Region")
	}
	a := &AnswerBody{Code: CodeConsent}
	if f := s.config.Region.Precheck(ctx, b.Pre); f != nil {
		a.FaultCode, a.Reason = f.Code, shorten(f.Message)
	}
	return a
}

// Asks returns what a record that has arrived asks of this Region, so that the Region decides about its caller: to make
// a replica, or to take the primary role. What was consented to before is not asked again.
func Asks(region string, l *family.Local, r *family.Record) (p Pre, asks bool) {
	p = Pre{
		Partition: r.Partition, Account: r.Account, KeyID: r.KeyID, From: r.Primary,
		Spec: r.Spec, Usage: r.Usage, Origin: r.Origin, Arrived: true,
	}
	if !l.Record.Version.Less(r.Version) {
		return p, false
	}
	if h := r.Handoff; h != nil && h.To == region && l.Live() {
		p.Operation, p.Init = PreUpdatePrimary, family.Init{By: h.By, Caller: h.Caller}
		return p, !l.Updating || l.Ready != h.Attempt
	}
	for i := range r.Members {
		m := &r.Members[i]
		if m.Region != region || m.Gone || l.Live() || !l.Inc.Less(m.Inc) {
			continue
		}
		p.Operation = PreReplicate
		if m.Init != nil {
			p.Init = *m.Init
		}
		return p, true
	}
	return p, false
}

// shorten keeps a text within what an answer may hold, cutting between characters.
func shorten(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := 0
	for i := range s {
		if i > maxText {
			break
		}
		cut = i
	}
	return s[:cut]
}

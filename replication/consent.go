package replication

import (
	"context"
	"time"

	"meridian/keyengine/canonical"
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
	if a.Code != CodeConsent || a.FaultCode == "" {
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

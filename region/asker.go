package region

import (
	"encoding/hex"
	"strings"

	"meridian/keyengine"
	"meridian/keyengine/attestation"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// asked is the asker of a call with the call: one piece of memory.
type asked struct {
	keyengine.Asker
	arrival
}

// asker is who makes a call, for the decisions about it.
func (r *Region) asker(call *kmsapi.Call, in kmsapi.Input, tokens []keyengine.GrantRef) *keyengine.Asker {
	caller := r.callerOf(call)
	whole := &asked{r.asks, arrival{r: r, call: call, caller: caller, in: in}}
	a := &whole.Asker
	a.Who, a.Policies = &caller.Who, &caller.Policies
	a.Input, a.Tokens = in, tokens
	a.Context = &whole.arrival
	if r.Explain && len(call.Raw.Header[headerExplainAsk]) > 0 {
		a.Explain = true
		call.Judgements = new(judgements)
	}
	if said, _ := call.Judgements.(*judgements); a.Soft || said != nil {
		a.Decided = func(j keyengine.Judgement) {
			r.decided(call, j)
			if said != nil {
				said.add(j)
			}
		}
	}
	return a
}

// askerFor is a caller as decisions need it.
func (r *Region) askerFor(caller *identity.Caller) *keyengine.Asker {
	a := r.asks
	a.Who, a.Policies = &caller.Who, &caller.Policies
	return &a
}

// commonAsker is what the askers of all calls have in common.
func (r *Region) commonAsker() keyengine.Asker {
	a := keyengine.Asker{Soft: r.Soft}
	if r.GrantDelay != nil || r.Dial != nil {
		a.Unseen = r.unseen
	}
	if r.Directory != nil {
		a.Knows = r.knows
	}
	return a
}

// knows reports whether a principal that a policy names can be there. Where no identity file is in force all can.
func (r *Region) knows(principal string) bool {
	d := r.directory()
	return d == nil || d.Knows(r.Place.Partition, principal)
}

// unseen reports whether a grant of an age, in ms, does not count yet without its token.
func (r *Region) unseen(grant keyengine.GrantRef, age int64) bool {
	if r.GrantDelay != nil {
		return age < r.GrantDelay.Milliseconds()
	}
	lag := r.Dial.Now().Lag
	if age >= lag.Grants.Longest().Milliseconds() { // as almost every grant is: no need to draw its delay
		return false
	}
	return age < lag.GrantDelay(r.Place.Region, grant.Key.KeyID, grant.ID).Milliseconds()
}

// decided says in the log what would have been denied.
func (r *Region) decided(call *kmsapi.Call, j keyengine.Judgement) {
	if j.Soft {
		r.Logger.Warn("authorization is soft: a call goes on that would have been denied",
			"request", call.RequestID, "principal", j.Principal, "action", j.Action, "resource", j.Resource, "why", j.Message)
	}
}

// askerOf is the asker of a call that is being answered.
func (r *Region) askerOf(call *kmsapi.Call) *keyengine.Asker {
	if a, ok := call.Asker.(*keyengine.Asker); ok {
		return a
	}
	return r.asker(call, nil, nil)
}

// directory is the identity file in force; nil: there is none.
func (r *Region) directory() *identity.Directory {
	if r.Directory == nil {
		return nil
	}
	return r.Directory()
}

// arrival answers for the condition keys about how a call came.
type arrival struct {
	r      *Region
	call   *kmsapi.Call
	caller *identity.Caller
	in     kmsapi.Input
}

var _ policy.Context = (*arrival)(nil)

// Lookup implements policy.Context.
func (a *arrival) Lookup(key string) []string {
	switch key {
	case "aws:sourceip":
		return some(a.call.SourceIP)
	case "aws:useragent":
		return a.call.Raw.Header["User-Agent"]
	case "aws:securetransport", "aws:viaawsservice":
		return some("false")
	case "aws:sourceidentity":
		return some(a.caller.SourceIdentity)
	case "sts:rolesessionname":
		return some(a.caller.SessionName)
	}
	if register, ok := strings.CutPrefix(key, "kms:recipientattestation:"); ok {
		return some(a.attested(register))
	}
	return nil
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// attested is a value of the request's attestation document, if that can be trusted.
func (a *arrival) attested(register string) string {
	in := recipientOf(a.in)
	if in == nil || a.r.Attestation.Len() == 0 {
		return ""
	}
	d, err := attestation.Parse(in.AttestationDocument)
	if err != nil || d.Verify(a.r.Attestation, a.r.Wall()) != nil {
		return ""
	}
	for i, value := range d.PCRs {
		if register == pcrName(i) || register == "imagesha384" && i == 0 {
			return hex.EncodeToString(value)
		}
	}
	return ""
}

// recipientOf is the Recipient of a request; nil: it has none.
func recipientOf(in kmsapi.Input) *kmsapi.RecipientInfo {
	switch in := in.(type) {
	case *kmsapi.DecryptRequest:
		return in.Recipient
	case *kmsapi.DeriveSharedSecretRequest:
		return in.Recipient
	case *kmsapi.GenerateDataKeyRequest:
		return in.Recipient
	case *kmsapi.GenerateDataKeyPairRequest:
		return in.Recipient
	case *kmsapi.GenerateRandomRequest:
		return in.Recipient
	}
	return nil
}

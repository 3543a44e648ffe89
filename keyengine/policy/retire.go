package policy

// Retirement is what RetireGrant's authorization needs of the grant that is to be retired.
type Retirement struct {
	Grant     string // id
	Grantee   string // ARN
	Retiring  string // ARN; empty: none
	Issuer    string // ARN of the root of the account in which the grant was made
	ByGrantee bool   // the grant's operations include RetireGrant
}

// EvaluateRetire decides a call of RetireGrant. The grant itself says who may: its retiring principal,
// its grantee if it holds RetireGrant, and the account that made it; where one of those is an
// account, so may whom its IAM policies allow kms:RetireGrant. The key policy can deny and not allow.
func EvaluateRetire(r *Request, p *Policies, g *Retirement) Decision {
	e := newEvaluation(r, p)
	v, d := e.weigh()
	if d.Reason != 0 {
		return d
	}
	names := []string{g.Retiring, g.Issuer}
	if g.ByGrantee {
		names = append(names, g.Grantee)
	}
	capped, account := false, false
	for _, name := range names {
		if name == "" {
			continue
		}
		h := v.holds(name)
		account = account || h == delegated
		switch {
		case h == missed || h == delegated && !v.identity.allows():
			continue
		case h != direct && v.capped != 0:
			capped = true
			continue
		}
		return Decision{Allowed: true, Reason: ByGrant, By: Where{Layer: LayerGrant, Grant: g.Grant}}
	}
	switch {
	case capped:
		return Decision{Reason: v.capped}
	case account:
		return Decision{Reason: NoIdentity}
	}
	return Decision{Reason: NoResource}
}

// holds tells how the name of a grant's principal holds the caller. A service is named by itself.
func (v *verdict) holds(name string) hold {
	p := v.e.Principal
	if p.Kind == Service {
		if name == p.Service {
			return direct
		}
		return missed
	}
	w := compileWho(Whom{Type: "AWS", Name: name})
	return w.holds(p)
}

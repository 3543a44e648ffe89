package keyengine

import (
	"iter"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Who may do what. Each operation asks here, after the key it names is found and before the key's state
// is looked at: who may not use a key learns nothing of it. Facts without an Asker are the Region's own.

// authorize decides whether the caller may do op, a permission without its kms:, to the key.
func (t *target) authorize(f Facts, op string) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	key := t.ready(a)
	q := t.question(f, op, key.tags)
	if key.document == nil {
		return a.answer(&q, policy.Decision{Reason: policy.NoResource}, "the key policy cannot be read: ")
	}
	p := *a.Policies
	p.Resource = key.document
	p.Grants = keyGrants{t: t, a: a, now: f.Now, child: childOf(op, a.Input)}
	return a.answer(&q, a.evaluate(&q, &p), "")
}

// question is what is asked about a key.
func (t *target) question(f Facts, op string, tags map[string]string) policy.Request {
	return policy.Request{
		Principal: f.Asker.Who, Action: "kms:" + op, Region: t.view.place.Region, Now: f.Now,
		Resource:          policy.Resource{ARN: t.arn, Account: t.ref.Account, Tags: tags, FindAliases: t.aliases},
		EncryptionContext: f.Asker.encryptionContext(op),
		Context:           &circumstances{f: f, op: op, view: t.view, target: t},
	}
}

// authorizeRetire decides whether the caller may retire a grant: the grant says who may.
func (t *target) authorizeRetire(f Facts, id string, g *Grant) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	key := t.ready(a)
	q := t.question(f, "RetireGrant", key.tags)
	if key.document == nil {
		return a.answer(&q, policy.Decision{Reason: policy.NoResource}, "the key policy cannot be read: ")
	}
	p := *a.Policies
	p.Resource = key.document
	d := policy.EvaluateRetire(&q, &p, &policy.Retirement{
		Grant: id, Grantee: g.Grantee, Retiring: g.Retiring, ByGrantee: g.Allows("RetireGrant", nil),
		Issuer: "arn:" + t.view.place.Partition + ":iam::" + g.Issuer + ":root",
	})
	return a.answer(&q, d, "")
}

// AuthorizeAlone decides whether the caller may do what is about no key: resource is the ARN of an
// alias, of a principal, or *.
func (v *View) AuthorizeAlone(f Facts, op, resource string) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	q := v.questionAlone(f, op, resource)
	p := *a.Policies
	p.Alone = true
	return a.answer(&q, a.evaluate(&q, &p), "")
}

func (v *View) questionAlone(f Facts, op, resource string) policy.Request {
	return policy.Request{
		Principal: f.Asker.Who, Action: "kms:" + op, Region: v.place.Region, Now: f.Now,
		Resource: policy.Resource{ARN: resource, Account: f.Asker.Who.Account},
		Context:  &circumstances{f: f, op: op, view: v},
	}
}

// deniedAbroad is the answer about a key of another account that is not there: the same as about one
// whose policy does not know the caller.
func (v *View) deniedAbroad(f Facts, op, resource, account string) error {
	q := policy.Request{
		Principal: &policy.Principal{ARN: f.Caller.ARN, Account: f.Caller.Account}, Action: "kms:" + op,
		Resource: policy.Resource{ARN: resource, Account: account},
	}
	a := f.Asker
	if a == nil {
		d := policy.Decision{Reason: policy.NoResource}
		return fault(kmsapi.AccessDeniedException, "%s", d.Message(&q))
	}
	whole := v.questionAlone(f, op, resource)
	whole.Resource.Account = account
	d := a.evaluate(&whole, a.Policies)
	hard := *a
	hard.Soft = false // there is nothing to go on with
	return hard.answer(&whole, d, "")
}

func (a *Asker) evaluate(q *policy.Request, p *policy.Policies) policy.Decision {
	if a.Explain {
		return policy.Explain(q, p)
	}
	return policy.Evaluate(q, p)
}

// answer makes a decision known, and an error of a denial.
func (a *Asker) answer(q *policy.Request, d policy.Decision, note string) error {
	if d.Allowed && a.Decided == nil {
		return nil
	}
	message := ""
	if !d.Allowed {
		message = note + d.Message(q)
	}
	// An operation that does not work across accounts stays so, and who needs the note needs to see it.
	soft := a.Soft && !d.Allowed && d.Reason != policy.NoCrossAccount
	if a.Decided != nil {
		a.Decided(Judgement{
			Action: q.Action, Resource: q.Resource.ARN, Principal: q.Principal.ARN, Decision: d, Message: message, Soft: soft,
		})
	}
	if d.Allowed || soft {
		return nil
	}
	return fault(kmsapi.AccessDeniedException, "%s", message)
}

// keyGrants are the grants of a key that count for a call.
type keyGrants struct {
	t     *target
	a     *Asker
	now   int64
	child *Grant // that CreateGrant is to make
}

// To implements policy.Grants.
func (g keyGrants) To(grantee string) iter.Seq2[string, policy.Grant] {
	return func(yield func(string, policy.Grant) bool) {
		for id, grant := range g.t.view.GrantsTo(g.t.ref, grantee) {
			if g.a.overlooks(GrantRef{g.t.ref, id}, grant, g.now) {
				if g.a.Explain && !yield(id, unseenGrant{grant}) {
					return
				}
				continue
			}
			if !yield(id, maker{grant, g.child}) {
				return
			}
		}
	}
}

// maker is a grant that may let the caller make another.
type maker struct {
	*Grant
	child *Grant
}

// Allows implements policy.Grant.
func (m maker) Allows(op string, context map[string]string) bool {
	return m.Grant.Allows(op, context) && (m.child == nil || m.MayMake(m.child))
}

// WhyNot implements policy.Grant.
func (m maker) WhyNot(op string, context map[string]string) string {
	if why := m.Grant.WhyNot(op, context); why != "" {
		return why
	}
	if m.child != nil && !m.MayMake(m.child) {
		return "the grant to be made has more operations or looser constraints"
	}
	return ""
}

// unseenGrant is a grant that does not count yet.
type unseenGrant struct{ *Grant }

// Allows implements policy.Grant.
func (unseenGrant) Allows(string, map[string]string) bool { return false }

// WhyNot implements policy.Grant.
func (u unseenGrant) WhyNot(op string, context map[string]string) string {
	if why := u.Grant.WhyNot(op, context); why != "" {
		return why
	}
	return "the grant is too new to count without its token"
}

// authorizeNew decides whether the caller may make a key, and give it tags.
func (v *View) authorizeNew(f Facts, op string, tags []kmsapi.Tag) error {
	if err := v.AuthorizeAlone(f, op, "*"); err != nil || len(tags) == 0 {
		return err
	}
	return v.AuthorizeAlone(f, "TagResource", "*")
}

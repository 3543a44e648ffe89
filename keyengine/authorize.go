package keyengine

import (
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Who may do what. Each operation asks here, after the key it names is found and before the key's state
// is looked at: who may not use a key learns nothing of it. Facts without an Asker are the Region's own.

// inquiry is a question about a key with all that answers it: one piece of memory for a call.
type inquiry struct {
	request  policy.Request
	policies policy.Policies
	context  circumstances
	grants   keyGrants
}

// authorize decides whether the caller may do op, a permission without its kms:, to the key.
func (t *target) authorize(f Facts, op string) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	i, err := t.inquire(f, op)
	if i == nil {
		return err
	}
	i.grants = keyGrants{t: t, a: a, now: f.Now, child: childOf(op, a.Input)}
	i.policies.Grants = &i.grants
	return a.answer(&i.request, a.evaluate(&i.request, &i.policies), "")
}

// inquire asks about a key, as far as grants are not concerned; nil: it is answered already.
func (t *target) inquire(f Facts, op string) (*inquiry, error) {
	a := f.Asker
	key, err := t.ready()
	if err != nil {
		return nil, err
	}
	i := &inquiry{
		request: policy.Request{
			Principal: a.Who, Action: action(op), Region: t.view.place.Region, Now: f.Now,
			Resource:          policy.Resource{ARN: t.arn, Account: t.ref.Account, Tags: key.tags},
			EncryptionContext: a.encryptionContext(op),
		},
		policies: *a.Policies,
		context:  circumstances{f: f, op: op, view: t.view, target: t},
	}
	i.request.Context = &i.context
	i.policies.Resource = key.document
	if key.document == nil {
		return nil, a.answer(&i.request, policy.Decision{Reason: policy.NoResource}, "the key policy cannot be read: ")
	}
	return i, nil
}

// action is a permission with its kms:.
func action(op string) string {
	switch op { // those that are asked for most, without making a string each time
	case "Encrypt":
		return "kms:Encrypt"
	case "Decrypt":
		return "kms:Decrypt"
	case "GenerateDataKey":
		return "kms:GenerateDataKey"
	}
	return "kms:" + op
}

// authorizeRetire decides whether the caller may retire a grant: the grant says who may.
func (t *target) authorizeRetire(f Facts, id string, g *Grant) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	i, err := t.inquire(f, "RetireGrant")
	if i == nil {
		return err
	}
	d := policy.EvaluateRetire(&i.request, &i.policies, &policy.Retirement{
		Grant: id, Grantee: g.Grantee, Retiring: g.Retiring, ByGrantee: g.Allows("RetireGrant", nil),
		Issuer: "arn:" + t.view.place.Partition + ":iam::" + g.Issuer + ":root",
	})
	return a.answer(&i.request, d, "")
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

// authorizeNew decides whether the caller may make a key, and give it tags.
func (v *View) authorizeNew(f Facts, op string, tags []kmsapi.Tag) error {
	if err := v.AuthorizeAlone(f, op, "*"); err != nil || len(tags) == 0 {
		return err
	}
	return v.AuthorizeAlone(f, "TagResource", "*")
}

package keyengine

import (
	"strings"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// lockedOut is AWS's answer to a policy that would keep the caller from replacing it.
const lockedOut = "The new key policy will not allow you to update the key policy in the future."

// checkNewPolicy refuses a policy that names principals who are not there, or that would lock the caller
// out, unless that is wanted. A key that is yet to be made has no target.
func (v *View) checkNewPolicy(f Facts, ref Ref, t *target, text string, bypass *bool) error {
	a := f.Asker
	if a == nil {
		return nil
	}
	doc, err := policy.Parse(text)
	if err != nil {
		return err
	}
	if a.Knows != nil && !a.knowsAll(doc) {
		return fault(kmsapi.MalformedPolicyDocumentException, "Policy contains a statement with one or more invalid principals.")
	}
	if val(bypass) {
		return nil
	}
	q := policy.Request{
		Principal: a.Who, Action: "kms:PutKeyPolicy", Region: v.place.Region, Now: f.Now,
		Resource: policy.Resource{ARN: v.place.keyARN(v.place.Region, ref), Account: ref.Account},
		Context:  &circumstances{f: f, op: "PutKeyPolicy", view: v, target: t},
	}
	if t != nil {
		key, err := t.ready()
		if err != nil {
			return err
		}
		q.Resource.Tags = key.tags
	}
	p := *a.Policies
	p.Resource = doc
	d := a.evaluate(&q, &p)
	if d.Allowed || a.answer(&q, d, "") == nil {
		return nil
	}
	return fault(kmsapi.MalformedPolicyDocumentException, lockedOut)
}

// knowsAll reports whether all principals that a policy names by ARN can be there.
func (a *Asker) knowsAll(doc *policy.Document) bool {
	for i := range doc.Statements {
		s := &doc.Statements[i]
		for _, list := range [][]policy.Whom{s.Principals, s.NotPrincipals} {
			for _, p := range list {
				if p.Type == "AWS" && strings.HasPrefix(p.Name, "arn:") && !a.Knows(p.Name) {
					return false
				}
			}
		}
	}
	return true
}

package policy

import (
	"fmt"
	"strings"
)

// MaxNear bounds how many near misses an explanation tells.
const MaxNear = 32

// Explain decides as Evaluate does and also tells which statements and grants nearly matched: those of
// which one part alone failed.
func Explain(r *Request, p *Policies) Decision {
	d := Evaluate(r, p)
	x := &explanation{e: newEvaluation(r, p)}
	for i, level := range p.Service {
		x.read(LayerService, i+1, level)
	}
	if p.Resource != nil {
		x.e.ofResource = true
		x.read(LayerResource, 0, []Attached{{Document: p.Resource}})
		x.e.ofResource = false
	}
	x.read(LayerIdentity, 0, p.Identity)
	if p.Boundary != nil {
		x.read(LayerBoundary, 0, []Attached{*p.Boundary})
	}
	x.read(LayerSession, 0, p.Session)
	x.grants()
	d.Near = x.near
	return d
}

// explanation gathers near misses.
type explanation struct {
	e    *evaluation
	near []Near
}

func (x *explanation) add(n Near) {
	if len(x.near) < MaxNear {
		x.near = append(x.near, n)
	}
}

func (x *explanation) read(l Layer, level int, list []Attached) {
	for _, a := range list {
		if a.Document == nil {
			continue
		}
		for i := range a.rules {
			parts, failed := a.rules[i].failures(x.e, &a.Statements[i])
			if parts != 1 {
				continue
			}
			w := a.where(l, a.Name, i)
			w.Level = level
			x.add(Near{Where: w, Deny: a.rules[i].deny, Failed: failed})
		}
	}
}

// failures tells which parts of a statement do not match. All its conditions are one part.
func (r *rule) failures(e *evaluation, s *Statement) (parts int, failed []string) {
	if !r.coversAction(e) {
		parts++
		failed = append(failed, fmt.Sprintf("the action %s is not among %s", e.Action, listed(s.Actions, s.NotActions)))
	}
	if !r.coversResource(e) {
		parts++
		failed = append(failed, fmt.Sprintf("the resource %s is not among %s", e.Resource.ARN, listed(s.Resources, s.NotResources)))
	}
	if len(r.principals) > 0 && r.holds(e.Principal) == missed {
		parts++
		failed = append(failed, fmt.Sprintf("the principal %s is not among %s", e.Principal.ARN, listed(nameAll(s.Principals), nameAll(s.NotPrincipals))))
	}
	met := true
	for i := range r.tests {
		if !r.tests[i].holds(e, r.deny) {
			met = false
			failed = append(failed, r.tests[i].failure(e, &s.Conditions[i]))
		}
	}
	if !met {
		parts++
	}
	return parts, failed
}

// failure tells why a condition is not met.
func (t *test) failure(e *evaluation, c *Condition) string {
	var one [1]string
	is := "absent"
	if values := e.lookup(t.key, &one); len(values) > 0 {
		is = quoted(values)
	}
	return fmt.Sprintf("condition %s %s %s: it is %s", c.Operator, c.Key, quoted(c.Values), is)
}

// grants tells grants to the caller that do not cover the call.
func (x *explanation) grants() {
	op, ok := strings.CutPrefix(x.e.Action, "kms:")
	if !ok || x.e.policies.Grants == nil {
		return
	}
	for _, g := range x.e.Principal.grantees() {
		for id, grant := range x.e.policies.Grants.To(g.name) {
			if len(x.near) == MaxNear {
				return
			}
			if why := grant.WhyNot(op, x.e.EncryptionContext); why != "" {
				x.add(Near{Where: Where{Layer: LayerGrant, Grant: id}, Failed: []string{why}})
			}
		}
	}
}

func listed(these, allBut []string) string {
	if allBut != nil {
		return "all but " + quoted(allBut)
	}
	return quoted(these)
}

func nameAll(list []Whom) []string {
	if list == nil {
		return nil
	}
	names := []string{}
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

// quoted lists values, the first few of many and of each no more than an ARN is long.
func quoted(values []string) string {
	const most = 8
	var b strings.Builder
	for i, v := range values {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(values)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.256q", v)
	}
	return b.String()
}

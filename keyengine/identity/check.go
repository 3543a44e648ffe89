package identity

import (
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/policy"
)

// check holds what is in the file against each other.
func (r *reader) check() {
	d := r.d
	r.checkOrganization()
	for _, id := range slices.Sorted(maps.Keys(d.accounts)) {
		a := d.accounts[id]
		if a.unit != "" && d.units[a.unit] == nil {
			r.FailAt(a.line, "there is no unit %.128q%s", a.unit, among(d.units))
		}
		r.checkControls(a.line, a.controls)
		for _, g := range a.groups {
			r.checkPolicies(a, g.line, g.managed)
		}
		for _, u := range a.users {
			r.checkPolicies(a, u.line, u.managed)
			r.checkBoundary(a, u.line, u.boundary)
			for _, name := range u.groups {
				if a.groups[strings.ToLower(name)] == nil {
					r.FailAt(u.line, "account %s has no group %.128q%s", a.id, name, among(a.groups))
				}
			}
		}
		for _, x := range a.roles {
			r.checkPolicies(a, x.line, x.managed)
			r.checkBoundary(a, x.line, x.boundary)
		}
	}
	for _, s := range d.services {
		if s.account != "" && d.accounts[s.account] == nil {
			r.FailAt(s.line, "there is no account %.20q%s", s.account, among(d.accounts))
		}
	}
	r.checkCycles()
}

func (r *reader) checkOrganization() {
	d := r.d
	if d.management != "" && d.accounts[d.management] == nil {
		r.FailAt(1, "there is no account %.20q, which managementAccount names%s", d.management, among(d.accounts))
	}
	r.checkControls(1, d.rootControls)
	for _, u := range d.units {
		r.checkControls(u.line, u.policies)
		depth := 1
		for above := u; above.parent != ""; above = d.units[above.parent] {
			if d.units[above.parent] == nil {
				r.FailAt(above.line, "there is no unit %.128q%s", above.parent, among(d.units))
				break
			}
			if depth++; depth > maxDepth {
				r.FailAt(u.line, "unit %s is deeper than %d units, or within itself", u.name, maxDepth)
				break
			}
		}
	}
}

func (r *reader) checkControls(line int, names []string) {
	for _, n := range names {
		if r.d.controls[n] == nil {
			r.FailAt(line, "there is no service control policy %.128q%s", n, among(r.d.controls))
		}
	}
}

func (r *reader) checkPolicies(a *account, line int, names []string) {
	for _, n := range names {
		if a.policy(n) == nil {
			r.FailAt(line, "account %s has no policy %.128q%s", a.id, n, among(a.managed))
		}
	}
}

func (r *reader) checkBoundary(a *account, line int, name string) {
	if name != "" {
		r.checkPolicies(a, line, []string{name})
	}
}

// among lists what there is instead, if it is not too much.
func among[T any](have map[string]T) string {
	names := slices.Sorted(maps.Keys(have))
	if len(names) == 0 || len(names) > 12 {
		return ""
	}
	return "; there is " + strings.Join(names, ", ")
}

// checkCycles refuses roles that trust each other in a circle: who entered one could go round for ever, and each
// step renews the session.
func (r *reader) checkCycles() {
	trusts := map[string][]string{} // role → the roles that it names as trusted
	lines := map[string]int{}
	for _, a := range r.d.accounts {
		for _, x := range a.roles {
			key := roleKey(a.id, x.name)
			lines[key] = x.line
			trusts[key] = trustedRoles(x.trust.Document)
		}
	}
	done := map[string]bool{}
	for _, start := range slices.Sorted(maps.Keys(trusts)) {
		if cycle := findCycle(trusts, done, nil, start); cycle != nil {
			r.FailAt(lines[cycle[0]], "roles trust each other in a circle: %s; let one of them trust no role of the circle", strings.Join(cycle, " trusts "))
		}
	}
}

// findCycle walks from a role to those that it trusts. Done are roles that lead to no circle that is not told yet.
func findCycle(trusts map[string][]string, done map[string]bool, path []string, at string) []string {
	if i := slices.Index(path, at); i >= 0 {
		return append(slices.Clone(path[i:]), at)
	}
	if done[at] {
		return nil
	}
	path = append(path, at)
	for _, next := range trusts[at] {
		if cycle := findCycle(trusts, done, path, next); cycle != nil {
			for _, role := range path {
				done[role] = true
			}
			return cycle
		}
	}
	done[at] = true
	return nil
}

// roleKey names a role in chains and circles: ARNs differ by partition and path.
func roleKey(account, name string) string { return account + "/" + strings.ToLower(name) }

// trustedRoles are the roles that a trust policy names, or sessions of which.
func trustedRoles(doc *policy.Document) []string {
	var roles []string
	if doc == nil {
		return nil
	}
	for _, s := range doc.Statements {
		for _, p := range s.Principals {
			if s.Deny || p.Type != "AWS" {
				continue
			}
			who, err := arn.ParsePrincipal(p.Name)
			if err != nil {
				continue
			}
			kind, name, _ := strings.Cut(who.Resource, "/")
			switch kind {
			case "role":
				roles = append(roles, roleKey(who.Account, name[strings.LastIndexByte(name, '/')+1:]))
			case "assumed-role":
				name, _, _ = strings.Cut(name, "/")
				roles = append(roles, roleKey(who.Account, name))
			}
		}
	}
	return roles
}

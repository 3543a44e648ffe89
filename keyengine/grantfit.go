package keyengine

import (
	"iter"
	"slices"

	"meridian/keyengine/policy"
)

// keyGrants are the grants of a key that count for a call.
type keyGrants struct {
	t     *target
	a     *Asker
	now   int64
	child *Grant // that CreateGrant is to make
}

// To implements policy.Grants.
func (g *keyGrants) To(grantee string) iter.Seq2[string, policy.Grant] {
	return g.counting(g.t.view.GrantsTo(g.t.ref, grantee))
}

// Fitting implements policy.Grants.
func (g *keyGrants) Fitting(grantee, op string, context map[string]string) iter.Seq2[string, policy.Grant] {
	return g.counting(g.t.view.fitting(g.t.ref, grantee, Fit{Operation: op, Context: context, Child: g.child}))
}

// counting leaves out grants that do not count yet, unless they are to be explained.
func (g *keyGrants) counting(grants iter.Seq2[string, *Grant]) iter.Seq2[string, policy.Grant] {
	return func(yield func(string, policy.Grant) bool) {
		for id, grant := range grants {
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

// fitting yields the grants of a key to a grantee by their ids, without some of those that do not fit.
func (v *View) fitting(key Ref, grantee string, ask Fit) iter.Seq2[string, *Grant] {
	switch _, held := grantOperation(ask.Operation); {
	case !held:
		return func(func(string, *Grant) bool) {}
	case v.kept == nil:
		return v.GrantsTo(key, grantee)
	}
	return func(yield func(string, *Grant) bool) {
		for id := range v.candidates(key, grantee, ask) {
			if g, ok := v.Grant(GrantRef{key, id}); ok && !yield(id, g) { // the row decides what there is
				return
			}
		}
		if v.newest {
			return
		}
		// Since the state was frozen the one that is kept may have lost grants.
		for id, g := range v.GrantsTo(key, grantee) {
			if !yield(id, g) {
				return
			}
		}
	}
}

// candidates are the ids of grants that may fit: those of the kept state, and those drafted over it.
func (v *View) candidates(key Ref, grantee string, ask Fit) iter.Seq[string] {
	prefix := granteeRow(key, grantee, "")
	var drafted []string
	for row := range v.drafted(prefix) {
		drafted = append(drafted, string(row[len(prefix):]))
	}
	kept := v.kept.Fitting(key, grantee, ask)
	if len(drafted) == 0 {
		return kept
	}
	return slices.Values(slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for id := range kept {
			if !yield(id) {
				return
			}
		}
		slices.Values(drafted)(yield)
	})))
}

package keyengine

import (
	"iter"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// Grant returns a grant. For a while there may still be those of a deleted key; who asks has found the
// key before.
func (v *View) Grant(r GrantRef) (*Grant, bool) {
	return load[Grant](v.rows, grantRow(r.Key, r.ID))
}

// GrantsTo yields the grants of a key whose grantee has exactly this ARN, by their ids. Of the newest state those that
// end meanwhile may be left out.
func (v *View) GrantsTo(key Ref, grantee string) iter.Seq2[string, *Grant] {
	prefix := granteeRow(key, grantee, "")
	return func(yield func(string, *Grant) bool) {
		for k := range v.rows.Scan(prefix, nil) {
			id := string(k[len(prefix):])
			if g, ok := v.Grant(GrantRef{key, id}); ok && !yield(id, g) {
				return
			}
		}
	}
}

// indexedGrant returns a grant that an index names.
func (v *View) indexedGrant(r GrantRef) *Grant {
	g, ok := v.Grant(r)
	if !ok {
		panic("keyengine: index of a grant that is not there: " + r.Key.String() + "/" + r.ID)
	}
	return g
}

func listGrantBounds() bounds { return bounds{normal: 50, most: 100} }

// ListGrants answers the operation: the grants of a key, by their ids.
func (v *View) ListGrants(f Facts, in *kmsapi.ListGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	t, err := v.manage(f, "ListGrants", in.KeyId)
	if err != nil {
		return nil, err
	}
	prefix, start := grantRow(t.ref, ""), "" // what stands before the id in a row, and how the id begins
	switch {
	case in.GrantId != nil:
		if err := checkGrantID(*in.GrantId); err != nil {
			return nil, err
		}
		start = *in.GrantId
	case in.GranteePrincipal != nil:
		prefix = granteeRow(t.ref, *in.GranteePrincipal, "")
	}
	page, err := v.page("ListGrants", string(prefix)+start, in.Limit, in.Marker, listGrantBounds())
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListGrantsResponse{Grants: []kmsapi.GrantListEntry{}}
	for k := range page.rows {
		r := GrantRef{t.ref, string(k[len(prefix):])}
		g := v.indexedGrant(r)
		if in.GranteePrincipal == nil || g.Grantee == *in.GranteePrincipal {
			out.Grants = append(out.Grants, v.grantEntry(r, g))
		}
	}
	out.Truncated, out.NextMarker = page.end()
	return out, nil
}

// ListRetirableGrants answers the operation: the grants of any key in this Region that a principal of
// the caller's account may retire because they say so.
func (v *View) ListRetirableGrants(f Facts, in *kmsapi.ListRetirableGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	name := val(in.RetiringPrincipal)
	if err := v.checkPrincipal(name); err != nil {
		return nil, err
	}
	if err := v.AuthorizeAlone(f, "ListRetirableGrants", name); err != nil {
		return nil, err
	}
	if p, _ := arn.ParsePrincipal(name); p.Account != f.Caller.Account {
		return nil, fault(kmsapi.AccessDeniedException,
			"User: %s is not authorized to perform: kms:ListRetirableGrants on resource: %s", f.Caller.ARN, name)
	}
	prefix := retiringRow(name, GrantRef{})
	page, err := v.page("ListRetirableGrants", string(prefix), in.Limit, in.Marker, listGrantBounds())
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListGrantsResponse{Grants: []kmsapi.GrantListEntry{}}
	for k := range page.rows {
		r := parseGrantRef(k[len(prefix):])
		if l, ok := v.Family(r.Key); !ok || !live(l) {
			continue // a deleted key's, on its way out
		}
		out.Grants = append(out.Grants, v.grantEntry(r, v.indexedGrant(r)))
	}
	out.Truncated, out.NextMarker = page.end()
	return out, nil
}

// grantEntry is a grant as callers see it.
func (v *View) grantEntry(r GrantRef, g *Grant) kmsapi.GrantListEntry {
	e := kmsapi.GrantListEntry{
		KeyId: new(v.place.keyARN(v.place.Region, r.Key)), GrantId: new(r.ID), Name: new(g.Name),
		CreationDate: timestamp(g.CreatedAt), GranteePrincipal: new(g.Grantee),
		IssuingAccount: new("arn:" + v.place.Partition + ":iam::" + g.Issuer + ":root"),
	}
	if g.Retiring != "" {
		e.RetiringPrincipal = new(g.Retiring)
	}
	for _, op := range g.Operations {
		e.Operations = append(e.Operations, kmsapi.GrantOperation(op))
	}
	if len(g.Equals)+len(g.Subset) > 0 {
		e.Constraints = &kmsapi.GrantConstraints{
			EncryptionContextEquals: contextOf(g.Equals), EncryptionContextSubset: contextOf(g.Subset),
		}
	}
	return e
}

package keyengine

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"meridian/keyengine/canonical"
)

// The events of grants.
type (
	// GrantCreated gives a key a grant.
	GrantCreated struct {
		Account string `cbor:"1,keyasint"`
		KeyID   string `cbor:"2,keyasint"`
		GrantID string `cbor:"3,keyasint"`
		Grant   Grant  `cbor:"4,keyasint"`
	}
	// GrantRetired ends a grant by the will of who used it.
	GrantRetired struct {
		Account string `cbor:"1,keyasint"`
		KeyID   string `cbor:"2,keyasint"`
		GrantID string `cbor:"3,keyasint"`
	}
	// GrantRevoked ends a grant by the will of who looks after the key.
	GrantRevoked struct {
		Account string `cbor:"1,keyasint"`
		KeyID   string `cbor:"2,keyasint"`
		GrantID string `cbor:"3,keyasint"`
	}
)

// The rows of grants. A bar ends a principal, which cannot contain one.
//
//	g/<account>/<key id>/<grant id>                    Grant
//	g/to/<account>/<key id>/<principal>|<grant id>     empty: the grants of a grantee
//	g/by/<principal>|<account>/<key id>/<grant id>     empty: the grants that a principal may retire
//	g/same/<account>/<key id>/<32 bytes>               grant id: the named grant with these parameters
//	g/gone                                             deleted keys that still have rows of grants
//	c/grants/<account>/<key id>                        number of grants
const (
	prefixGrant      = "g/"
	prefixGrantee    = "g/to/"
	prefixRetiring   = "g/by/"
	prefixSameGrant  = "g/same/"
	rowGone          = "g/gone"
	prefixGrantCount = "c/grants/"
)

func grantRow(key Ref, id string) []byte {
	return []byte(prefixGrant + key.String() + "/" + id)
}

func granteeRow(key Ref, principal, id string) []byte {
	return []byte(prefixGrantee + key.String() + "/" + principal + "|" + id)
}

// retiringRow is the index row of a grant; of the zero GrantRef, how all rows of the principal begin.
func retiringRow(principal string, r GrantRef) []byte {
	row := []byte(prefixRetiring + principal + "|")
	if r == (GrantRef{}) {
		return row
	}
	return append(row, r.Key.String()+"/"+r.ID...)
}

// parseGrantRef reads "<account>/<key id>/<grant id>", the end of a row's key.
func parseGrantRef(tail []byte) GrantRef {
	i := bytes.LastIndexByte(tail, '/')
	return GrantRef{Key: parseRef(tail[:i]), ID: string(tail[i+1:])}
}

// sameGrantRow is the row of the named grant with g's parameters; when it was made and in what order
// its operations stand is no parameter.
func sameGrantRow(key Ref, g *Grant) []byte {
	parameters := *g
	parameters.CreatedAt = 0
	parameters.Operations = slices.Sorted(slices.Values(g.Operations))
	sum := sha256.Sum256(canonical.Marshal(parameters))
	return append([]byte(prefixSameGrant+key.String()+"/"), sum[:]...)
}

func grantCount(key Ref) string { return prefixGrantCount + key.String() }

// sameGrant finds the grant of g's name and parameters. A grant without a name is like no other.
func (v *View) sameGrant(key Ref, g *Grant) (id string, ok bool) {
	if g.Name == "" {
		return "", false
	}
	b, ok := v.rows.Get(sameGrantRow(key, g))
	return string(b), ok
}

// grantIndex are the rows that a grant has beside its own.
func grantIndex(r GrantRef, g *Grant) [][]byte {
	index := [][]byte{granteeRow(r.Key, g.Grantee, r.ID)}
	if g.Retiring != "" {
		index = append(index, retiringRow(g.Retiring, r))
	}
	return index
}

func (e GrantCreated) evolve(s state) {
	r := GrantRef{Ref{e.Account, e.KeyID}, e.GrantID}
	s.put(grantRow(r.Key, r.ID), &e.Grant)
	for _, k := range grantIndex(r, &e.Grant) {
		s.mark(k)
	}
	if e.Grant.Name != "" {
		s.Put(sameGrantRow(r.Key, &e.Grant), []byte(r.ID))
	}
	s.add(grantCount(r.Key), +1)
}

func (e GrantRetired) evolve(s state) { s.endGrant(GrantRef{Ref{e.Account, e.KeyID}, e.GrantID}) }

func (e GrantRevoked) evolve(s state) { s.endGrant(GrantRef{Ref{e.Account, e.KeyID}, e.GrantID}) }

func (s state) endGrant(r GrantRef) {
	if s.dropGrant(r) {
		s.add(grantCount(r.Key), -1)
	}
}

// dropGrant removes the rows of a grant, if there is one.
func (s state) dropGrant(r GrantRef) bool {
	g, ok := load[Grant](s, grantRow(r.Key, r.ID))
	if !ok {
		return false
	}
	s.Delete(grantRow(r.Key, r.ID))
	for _, k := range grantIndex(r, g) {
		s.Delete(k)
	}
	if g.Name != "" {
		s.Delete(sameGrantRow(r.Key, g))
	}
	return true
}

// GrantsOf is how the keys of the rows begin that list the grants of a key to a grantee.
func GrantsOf(key Ref, grantee string) string { return string(granteeRow(key, grantee, "")) }

// GranteeOfRow parts the key of a row that lists a grant: how the rows of its key and grantee begin, and its id.
func GranteeOfRow(row []byte) (prefix, id []byte, ok bool) {
	if !bytes.HasPrefix(row, []byte(prefixGrantee)) {
		return nil, nil, false
	}
	i := bytes.LastIndexByte(row, '|') + 1
	return row[:i], row[i:], i > 0
}

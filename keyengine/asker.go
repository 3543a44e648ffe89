package keyengine

import (
	"bytes"
	"slices"

	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Asker is who asks for an operation, with all that decides whether it may. It is made once for a call
// and only read: the leader's proposer may look at it when nobody waits any more.
type Asker struct {
	Who *policy.Principal
	// Policies are the caller's own: identity, boundary, session and service control policies.
	Policies *policy.Policies
	// Input is the request: condition keys speak of its members.
	Input kmsapi.Input
	// Context answers for condition keys about the way the request came, such as aws:SourceIp; nil: none.
	Context policy.Context
	// Given are values of condition keys, in lower case, and EncryptionContext an encryption context that count in
	// place of the request's; nil: the request's do.
	Given             policy.Values
	EncryptionContext map[string]string
	// Tokens are the grants that the request's tokens name: they count from the moment they are there.
	Tokens []GrantRef
	// Unseen reports whether a grant of this age, in ms of Region time, does not count yet for those without its
	// token; nil: each counts at once.
	Unseen func(grant GrantRef, age int64) bool
	// Knows reports whether a principal that a key policy names can be there; nil: all can.
	Knows func(principal string) bool
	// Soft lets through what policies deny.
	Soft bool
	// Explain has Decided hear of near misses, too.
	Explain bool
	// Decided hears of each decision; nil: nobody does. It must not block.
	Decided func(Judgement)
}

// Judgement is one decision about a call.
type Judgement struct {
	Action    string // kms:Decrypt
	Resource  string // ARN; * where there is none
	Principal string
	policy.Decision
	Message string // what a caller that is denied is told
	Soft    bool   // it was denied and goes on all the same
}

// Readied is a key's row made ready for decisions.
type Readied struct {
	row      []byte
	tags     map[string]string
	document *policy.Document // nil: the policy cannot be read
}

// ReadyKey reads a key's row and parses its policy.
func ReadyKey(row []byte) *Readied {
	k := decode[Key](nil, row)
	r := &Readied{row: bytes.Clone(row), tags: tagMap(k.Tags)}
	if doc, err := policy.Parse(k.Policy); err == nil {
		r.document = doc
	}
	return r
}

// Of reports whether r was made of these bytes.
func (r *Readied) Of(row []byte) bool { return bytes.Equal(r.row, row) }

// Size is about how much memory r takes.
func (r *Readied) Size() int { return 4*len(r.row) + 512 }

func tagMap(tags []family.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// ready returns the key's row ready for decisions. A key that was found may be deleted meanwhile: a View of the newest
// state sees what is applied between two reads.
func (t *target) ready() (*Readied, error) {
	if r, ok := t.view.readied(t.ref); ok {
		return r, nil
	}
	return nil, t.view.notThere(t.ref)
}

// aliases are the names of a key, as kms:ResourceAliases tells them.
func (t *target) aliases() []string {
	prefix := aliasOfKeyRow(t.ref, "")
	var names []string
	for _, row := range keysWith(t.view.rows, prefix, MaxAliasesPerKey) {
		names = append(names, string(row[len(prefix):]))
	}
	return names
}

// overlooks reports whether a grant is too new to count for this caller.
func (a *Asker) overlooks(r GrantRef, g *Grant, now int64) bool {
	return a.Unseen != nil && !a.holdsToken(r) && a.Unseen(r, now-g.CreatedAt)
}

// holdsToken reports whether the request brought a token of the grant.
func (a *Asker) holdsToken(r GrantRef) bool { return slices.Contains(a.Tokens, r) }

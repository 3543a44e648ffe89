package keyengine

import (
	"bytes"
	"iter"

	"meridian/keyengine/rows"
)

// Kept is what who holds the rows keeps of their newest state, so that a decision need not read and parse it again.
// It is derived: without it everything is decided alike, only slower. Its methods may be called by many at once.
type Kept interface {
	// Key returns a key of the newest state ready for decisions; false: there is no such row.
	Key(Ref) (*Readied, bool)
	// Ready makes a key's row ready that need not be that of the newest state.
	Ready(Ref, []byte) *Readied
	// Fitting yields, by their ids, the grants of a key to a grantee that may fit, as GrantIndex does.
	Fitting(key Ref, grantee string, ask Fit) iter.Seq[string]
}

// NewestView returns a View of rows which are, or lie over, the newest state that k is kept of.
func NewestView(r rows.Reader, p Place, k Kept) *View {
	return &View{rows: r, place: p, kept: k, newest: true}
}

// FrozenView returns a View of a state that was the newest when it was frozen.
func FrozenView(r rows.Reader, p Place, k Kept) *View { return &View{rows: r, place: p, kept: k} }

// over returns a View of rows that lie over the View's.
func (v *View) over(r rows.Reader) *View {
	return &View{rows: r, place: v.place, kept: v.kept, newest: v.newest}
}

// drafted yields the keys of rows with a prefix that are put over the newest state and not part of it.
func (v *View) drafted(prefix []byte) iter.Seq[[]byte] {
	if o, ok := v.rows.(*rows.Overlay); ok {
		return o.Changed(prefix)
	}
	return func(func([]byte) bool) {}
}

// readied returns a key's row ready for decisions; false: there is none.
func (v *View) readied(ref Ref) (*Readied, bool) {
	if _, drafted := v.rows.(*rows.Overlay); v.kept != nil && v.newest && !drafted {
		return v.kept.Key(ref)
	}
	row, ok := v.rows.Get(keyRow(ref))
	switch {
	case !ok:
		return nil, false
	case v.kept == nil:
		return ReadyKey(row), true
	}
	return v.kept.Ready(ref, row), true
}

// KeyRow is the key of the row from which ReadyKey makes a key ready.
func KeyRow(ref Ref) []byte { return keyRow(ref) }

// KeyOfRow returns the key whose row ReadyKey takes has this key.
func KeyOfRow(key []byte) (Ref, bool) {
	tail, ok := bytes.CutPrefix(key, []byte(prefixKey))
	if !ok {
		return Ref{}, false
	}
	return parseRef(tail), true
}

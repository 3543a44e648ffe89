package region

import (
	"iter"

	"meridian/keyengine"
	"meridian/keyengine/rows"
)

// kept is what this node keeps of its newest state for decisions. The store says which rows a record changed after
// they can be read and before anybody is told that it is applied: who has heard of a change meets nothing older here.
type kept struct {
	rows    rows.Reader
	place   keyengine.Place
	readied readiedCache
	grants  grantCache
}

var _ keyengine.Kept = (*kept)(nil)

// Key implements keyengine.Kept.
func (k *kept) Key(ref keyengine.Ref) (*keyengine.Readied, bool) {
	had, asOf := k.readied.get(ref)
	if had.sure {
		return had.key, true
	}
	row, ok := k.rows.Get(keyengine.KeyRow(ref))
	if !ok {
		return nil, false
	}
	if had.key == nil || !had.key.Of(row) {
		had.key = keyengine.ReadyKey(row)
	}
	k.readied.put(ref, readied{had.key, true}, asOf)
	return had.key, true
}

// Ready implements keyengine.Kept.
func (k *kept) Ready(ref keyengine.Ref, row []byte) *keyengine.Readied {
	had, asOf := k.readied.get(ref)
	if had.key != nil && had.key.Of(row) {
		return had.key
	}
	fresh := keyengine.ReadyKey(row)
	if !had.sure { // who decides on a state of its own must not take away what the others share
		k.readied.put(ref, readied{fresh, false}, asOf)
	}
	return fresh
}

// Fitting implements keyengine.Kept.
func (k *kept) Fitting(key keyengine.Ref, grantee string, ask keyengine.Fit) iter.Seq[string] {
	return k.grants.fitting(keyengine.GrantsOf(key, grantee), ask, func(prefix string, index *keyengine.GrantIndex, changed []string) {
		k.renew(key, prefix, index, changed)
	})
}

// renew brings an index up to date: reads all grants where it is new, or those that changed.
func (k *kept) renew(key keyengine.Ref, prefix string, index *keyengine.GrantIndex, changed []string) {
	view := keyengine.NewView(k.rows, k.place)
	if index.Len() == 0 {
		for row := range k.rows.Scan([]byte(prefix), nil) {
			changed = append(changed, string(row[len(prefix):]))
		}
	}
	for _, id := range changed {
		if g, ok := view.Grant(keyengine.GrantRef{Key: key, ID: id}); ok {
			index.Put(id, g)
		} else {
			index.Remove(id)
		}
	}
}

// changed drops what rows had before a record changed them.
func (k *kept) changed(rows [][]byte) {
	for _, row := range rows {
		if ref, ok := keyengine.KeyOfRow(row); ok {
			k.readied.drop(ref)
		} else if prefix, id, ok := keyengine.GranteeOfRow(row); ok {
			k.grants.changed(prefix, id)
		}
	}
}

// clear drops everything: other rows are in place of all.
func (k *kept) clear() {
	k.readied.clear()
	k.grants.clear()
}

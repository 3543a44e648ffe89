package keyengine

import "meridian/keyengine/family"

// Inspection is all that one Region's state says about a key, but how it was used: for people who study it.
type Inspection struct {
	Ref     Ref
	Local   *family.Local
	Key     *Key     // nil: the key is deleted here, or was never made
	Aliases []string // "alias/…", sorted
	Grants  uint64
}

// Inspect returns what the state says about a key; also about one that is deleted. False: nothing at all.
func (v *View) Inspect(ref Ref) (Inspection, bool) {
	l, ok := v.Family(ref)
	if !ok {
		return Inspection{}, false
	}
	i := Inspection{Ref: ref, Local: l, Grants: counter(v.rows, grantCount(ref))}
	i.Key, _ = load[Key](v.rows, keyRow(ref))
	prefix := aliasOfKeyRow(ref, "")
	for row := range v.rows.Scan(prefix, nil) {
		i.Aliases = append(i.Aliases, string(row[len(prefix):]))
	}
	return i, true
}

// WithID returns the keys that have an id, one in each account at the most.
func (v *View) WithID(keyID string) (found []Ref) {
	for row := range v.rows.Scan([]byte(prefixFamily), nil) {
		if ref := parseRef(row[len(prefixFamily):]); ref.KeyID == keyID {
			found = append(found, ref)
		}
	}
	return found
}

//go:build nextlevel

package keyengine

// FeatureLevel is the newest feature level that this program knows. This file is a level that does not exist: tests
// build a second program with it, which knows one version of one event more, and have both in one cluster.
const FeatureLevel = LevelCaller + 1

// NextMark is what the new version of DescriptionUpdated adds to a description.
const NextMark = " (as of the next level)"

// DescriptionUpdated replaces a key's description.
type DescriptionUpdated struct {
	Account     string `cbor:"1,keyasint"`
	KeyID       string `cbor:"2,keyasint"`
	Description string `cbor:"3,keyasint"`
	Mark        string `cbor:"4,keyasint,omitempty"` // version 2: goes behind the description
}

func (e DescriptionUpdated) evolve(s state) {
	s.changeKey(Ref{e.Account, e.KeyID}, func(k *Key) { k.Description = e.Description + e.Mark })
}

// describe decides that a key has another description.
func (d *draft) describe(ref Ref, text string) {
	e := DescriptionUpdated{Account: ref.Account, KeyID: ref.KeyID, Description: text}
	if d.Level() >= FeatureLevel {
		e.Mark = NextMark
	}
	d.emit(e)
}

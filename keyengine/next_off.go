//go:build !nextlevel

package keyengine

// FeatureLevel is the newest feature level that this program knows.
const FeatureLevel = LevelCaller

// DescriptionUpdated replaces a key's description.
type DescriptionUpdated struct {
	Account     string `cbor:"1,keyasint"`
	KeyID       string `cbor:"2,keyasint"`
	Description string `cbor:"3,keyasint"`
}

func (e DescriptionUpdated) evolve(s state) {
	s.changeKey(Ref{e.Account, e.KeyID}, func(k *Key) { k.Description = e.Description })
}

// describe decides that a key has another description.
func (d *draft) describe(ref Ref, text string) {
	d.emit(DescriptionUpdated{Account: ref.Account, KeyID: ref.KeyID, Description: text})
}

//go:build nextlevel

package replication

import (
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// StatusBody is a member's status, as the feature level that tests make up has it: see keyengine.
type StatusBody struct {
	Nonce     Nonce         `cbor:"1,keyasint"`
	Partition string        `cbor:"2,keyasint"`
	Account   string        `cbor:"3,keyasint"`
	KeyID     string        `cbor:"4,keyasint"`
	Status    family.Status `cbor:"5,keyasint"`
	Mark      string        `cbor:"6,keyasint,omitempty"` // of the next level: an older Region cannot read it
}

// since fills in what a status gained with the feature levels of the pair.
func (b *StatusBody) since(level uint32) {
	if level >= keyengine.FeatureLevel {
		b.Mark = "as of the next level"
	}
}

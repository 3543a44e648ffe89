//go:build !nextlevel

package replication

import "meridian/keyengine/family"

// StatusBody is a member's status.
type StatusBody struct {
	Nonce     Nonce         `cbor:"1,keyasint"`
	Partition string        `cbor:"2,keyasint"`
	Account   string        `cbor:"3,keyasint"`
	KeyID     string        `cbor:"4,keyasint"`
	Status    family.Status `cbor:"5,keyasint"`
}

// since fills in what a status gained with the feature levels of the pair: nothing yet.
func (b *StatusBody) since(uint32) {}

package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/rows"
)

// Event is something that happened in this Region. The set of events is closed; package
// eventlog/codec gives each its number and its bytes.
type Event interface{ evolve(s state) }

// The events of this Region alone. They carry results, not wishes: Evolve only assigns.
type (
	// KeyCreated gives a key that the family events of the same decision made its own properties.
	KeyCreated struct {
		Account string `cbor:"1,keyasint"`
		KeyID   string `cbor:"2,keyasint"`
		Key     Key    `cbor:"3,keyasint"`
	}
	// MaterialsWrapped says which leaves of the key hierarchy hold which new materials.
	MaterialsWrapped struct {
		Account   string        `cbor:"1,keyasint"`
		KeyID     string        `cbor:"2,keyasint"`
		Materials []NewMaterial `cbor:"3,keyasint"`
	}
	// PolicyPut replaces a key's policy.
	PolicyPut struct {
		Account string `cbor:"1,keyasint"`
		KeyID   string `cbor:"2,keyasint"`
		Policy  string `cbor:"3,keyasint"`
	}
	// TagsChanged replaces a key's tags, sorted by key.
	TagsChanged struct {
		Account string       `cbor:"1,keyasint"`
		KeyID   string       `cbor:"2,keyasint"`
		Tags    []family.Tag `cbor:"3,keyasint"`
	}
	// AliasCreated gives a key a name.
	AliasCreated struct {
		Account string `cbor:"1,keyasint"`
		Name    string `cbor:"2,keyasint"` // "alias/…"
		KeyID   string `cbor:"3,keyasint"`
		At      int64  `cbor:"4,keyasint"`
	}
	// AliasUpdated points a name at another key.
	AliasUpdated struct {
		Account string `cbor:"1,keyasint"`
		Name    string `cbor:"2,keyasint"`
		KeyID   string `cbor:"3,keyasint"`
		At      int64  `cbor:"4,keyasint"`
	}
	// AliasDeleted removes a name.
	AliasDeleted struct {
		Account string `cbor:"1,keyasint"`
		Name    string `cbor:"2,keyasint"`
	}
	// PeerSeen records the greatest life another Region has announced.
	PeerSeen struct {
		Region string `cbor:"1,keyasint"`
		Life   uint64 `cbor:"2,keyasint"`
	}
	// SealingKeyAdvanced moves this Region to a new sealing key.
	SealingKeyAdvanced struct {
		Step uint64 `cbor:"1,keyasint"`
	}
)

// FamilyEvent is an event of the cross-Region protocol of one key.
type FamilyEvent struct {
	Ref   Ref
	Event family.Event
}

// state is what an event changes.
type state struct {
	rows.Writer
	place Place
}

// Evolve makes e part of the state in w. It cannot fail and knows no rules: an event that is in the
// log has happened.
func Evolve(w rows.Writer, p Place, e Event) { e.evolve(state{w, p}) }

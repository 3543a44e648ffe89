package codec

import (
	"encoding/json"
	"fmt"

	"meridian/eventlog"
	"meridian/keyengine"
)

// Describe tells people what an event says: its name, the key it is about (empty if about none) and its
// content as JSON. No event holds a secret, so all of it may be shown.
func Describe(e eventlog.Event) (name, keyID string, content []byte, err error) {
	event, err := Decode(e)
	if err != nil {
		return Name(e), "", nil, err
	}
	var shown any = event
	if fe, ok := event.(keyengine.FamilyEvent); ok {
		shown = fe.Event
	}
	if content, err = json.Marshal(plain(shown)); err != nil {
		return Name(e), "", nil, fmt.Errorf("describe %s: %w", Name(e), err)
	}
	return Name(e), KeyOf(event), content, nil
}

// KeyOf returns the id of the key that an event is about; empty if it is about none, or about several.
func KeyOf(e keyengine.Event) string {
	switch e := e.(type) {
	case keyengine.FamilyEvent:
		return e.Ref.KeyID
	case keyengine.KeyCreated:
		return e.KeyID
	case keyengine.MaterialsWrapped:
		return e.KeyID
	case keyengine.DescriptionUpdated:
		return e.KeyID
	case keyengine.PolicyPut:
		return e.KeyID
	case keyengine.TagsChanged:
		return e.KeyID
	case keyengine.AliasCreated:
		return e.KeyID
	case keyengine.AliasUpdated:
		return e.KeyID
	case keyengine.GrantCreated:
		return e.KeyID
	case keyengine.GrantRetired:
		return e.KeyID
	case keyengine.GrantRevoked:
		return e.KeyID
	}
	return ""
}

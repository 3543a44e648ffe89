package codec

import (
	"fmt"
	"reflect"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// MaxEventBytes bounds the body of an event: a record with a policy of 32 KiB for each of a few dozen
// replicas to come fits.
const MaxEventBytes = 2 << 20

// UnknownError says that an event is of a type or version that this build does not know. It is an eventlog.ErrNewer.
type UnknownError struct {
	Type    uint16
	Version uint8
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("event type %d version %d is unknown to this program: %v", e.Type, e.Version, eventlog.ErrNewer)
}

// Is makes every UnknownError an eventlog.ErrNewer.
func (e *UnknownError) Is(target error) bool { return target == eventlog.ErrNewer }

// familyBody is the body of an event of the protocol.
type familyBody struct {
	_       struct{} `cbor:",toarray"`
	Account string
	KeyID   string
	Event   canonical.Raw
}

// Encode returns the bytes of an event, in the oldest version that can say it. It panics on a type that is not in the table: the set of
// events is closed, so only a forgotten line in the table can do that.
func Encode(e keyengine.Event) eventlog.Event {
	if fe, ok := e.(keyengine.FamilyEvent); ok {
		k := kindOf(fe.Event)
		body := familyBody{Account: fe.Ref.Account, KeyID: fe.Ref.KeyID, Event: canonical.Marshal(fe.Event)}
		return eventlog.Event{Type: k.number, Version: k.versionOf(fe.Event), Body: canonical.Marshal(body)}
	}
	k := kindOf(e)
	return eventlog.Event{Type: k.number, Version: k.versionOf(e), Body: canonical.Marshal(e)}
}

func kindOf(e any) kind {
	k, ok := byType[reflect.TypeOf(e)]
	if !ok {
		panic(fmt.Sprintf("codec: %T has no number", e))
	}
	return k
}

// Decode reads an event back. The error is an *UnknownError, or says what is malformed.
func Decode(e eventlog.Event) (keyengine.Event, error) {
	k, ok := byNumber[e.Type]
	if !ok || e.Version == 0 || e.Version > k.newest() {
		return nil, &UnknownError{Type: e.Type, Version: e.Version}
	}
	if len(e.Body) > MaxEventBytes {
		return nil, fmt.Errorf("event %s of %d bytes: at most %d", k.name(), len(e.Body), MaxEventBytes)
	}
	if k.ofFamily() {
		return decodeFamily(k, e.Body)
	}
	v, err := k.decode(e.Body)
	if err != nil {
		return nil, err
	}
	return v.(keyengine.Event), nil
}

func decodeFamily(k kind, raw canonical.Raw) (keyengine.Event, error) {
	var body familyBody
	if err := canonical.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("event %s: %w", k.name(), err)
	}
	if !arn.ValidAccount(body.Account) || !arn.ValidKeyID(body.KeyID) {
		return nil, fmt.Errorf("event %s: not a key's name", k.name())
	}
	v, err := k.decode(body.Event)
	if err != nil {
		return nil, err
	}
	ref := keyengine.Ref{Account: body.Account, KeyID: body.KeyID}
	return keyengine.FamilyEvent{Ref: ref, Event: v.(family.Event)}, nil
}

// decode reads a body into a new value of the kind's type.
func (k kind) decode(raw canonical.Raw) (any, error) {
	v := reflect.New(reflect.TypeOf(k.example))
	if err := canonical.Unmarshal(raw, v.Interface()); err != nil {
		return nil, fmt.Errorf("event %s: %w", k.name(), err)
	}
	return v.Elem().Interface(), nil
}

// Name returns what people call the event's type.
func Name(e eventlog.Event) string {
	if k, ok := byNumber[e.Type]; ok {
		return k.name()
	}
	return fmt.Sprintf("event type %d", e.Type)
}

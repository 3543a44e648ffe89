package audit

import (
	"meridian/keyengine/arn"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
)

// service is how the service calls itself where it goes on in another Region with what a caller began.
const service = "kms.amazonaws.com"

// An Event is what a Region did by itself, as its log of events tells: nobody called for it here, or the caller called
// another Region.
type Event struct {
	// ID is the same on every node that records the event, so that readers can tell that it is one.
	ID   string
	Name string // such as RotateKey
	At   int64  // Region time, ms since 1970
	// Key is what the event is about. Its account receives the record.
	Key arn.Key
	// API is set on what AWS calls an API call although it makes it itself.
	API bool
	// Caller is who called the other Region, and with which request; nil: nobody did, or it is not known.
	Caller *identity.Traveller
	// Input is the request that this Region made of the call, and Output what came of it; nil: none.
	Input  kmsapi.Input
	Output any
	// RotationType of a RotateKey; else empty.
	RotationType string
	// Fault is why it was not done; nil: it was.
	Fault *kmsapi.Fault
}

// NoteEvent has an event recorded, as Note does with calls.
func (l *Log) NoteEvent(e Event) { l.note(noted{event: &e, size: 1024}) }

// appendEvent appends the record of an event.
func (r *recorder) appendEvent(b []byte, event *Event) []byte {
	e := &entry{
		identity: ownIdentity(event.Key.Account), at: event.At, name: event.Name, source: internal, agent: internal,
		id: event.ID, keys: []arn.Key{event.Key}, kind: serviceEvent,
	}
	if event.Caller != nil {
		r.goesOn(e, event)
	}
	if event.Input != nil {
		e.parameters = r.structure(event.Input)
	}
	var o object
	o.begin("")
	switch {
	case event.Fault != nil:
		e.code, e.message = event.Fault.Code, clip(event.Fault.Message, maxMessage)
	case event.Output != nil:
		e.elements = r.structure(event.Output)
	case event.API:
		o.text("keyId", event.Key.String())
		o.end()
		e.elements = o.b
	default:
		o.text("rotationType", event.RotationType)
		o.text("keyId", event.Key.ID)
		o.end()
		e.serviceDetails = o.b
	}
	if event.API {
		e.kind = apiCall
	}
	return e.append(b, r.config, event.Key.Account)
}

// goesOn enters who called the other Region: this one went on with it in the caller's name. The entry has the request id of
// the other Region's. As in AWS's entries, that of UpdatePrimaryRegion has no resources.
func (r *recorder) goesOn(e *entry, event *Event) {
	e.identity = identityOf(event.Caller.Named(), service)
	e.requestID, e.source, e.agent = event.Caller.RequestID, service, service
	if event.Name == "UpdatePrimaryRegion" {
		e.keys = nil
	}
}

package audit

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
)

// What records say of themselves and of the service.
const (
	eventVersion = "1.08"
	eventSource  = "kms.amazonaws.com"
	internal     = "AWS Internal"
	keyType      = "AWS::KMS::Key"

	apiCall      = "AwsApiCall"
	serviceEvent = "AwsServiceEvent"
)

// Limits of what a caller can put into a record, in bytes.
const (
	maxParameters = 100 << 10 // of requestParameters and of responseElements; more is left out
	maxMessage    = 4 << 10
	maxAgent      = 1 << 10
)

// A Call is what is noted of a call that was answered. Nobody changes what it points to afterwards.
type Call struct {
	Operation *kmsapi.Operation
	Call      *kmsapi.Call
	Input     kmsapi.Input  // nil: the request could not be read
	Output    any           // what was answered: a structure of kmsapi, another node's JSON, or nil
	Fault     *kmsapi.Fault // nil: the call succeeded
	At        int64         // Region time, ms since 1970
}

// recorder makes records. It is used by one goroutine.
type recorder struct {
	config  *Config
	members *planner
}

// appendCall appends the record of a call: one line, or one for each account when a key belongs to another one.
func (r *recorder) appendCall(b []byte, noted *Call) []byte {
	c := *noted
	c.Output = typed(c.Operation, c.Output)
	keys := r.keysOf(&c)
	entry := r.entryOf(&c, keys)
	owners := ownersOf(keys, c.Call.Caller.Account)
	if len(owners) == 0 || denied(c.Fault) {
		return entry.append(b, r.config, c.Call.Caller.Account)
	}
	entry.shared = r.config.NewID()
	b = entry.append(b, r.config, c.Call.Caller.Account)
	entry.identity = foreignIdentity(identity.Of(c.Call), c.Call.Caller.Account)
	for _, owner := range owners {
		entry.id = r.config.NewID()
		b = entry.append(b, r.config, owner)
	}
	return b
}

// ownersOf returns the accounts of keys but the caller's.
func ownersOf(keys []arn.Key, caller string) (owners []string) {
	for _, k := range keys {
		if k.Account != caller && !slices.Contains(owners, k.Account) {
			owners = append(owners, k.Account)
		}
	}
	return owners
}

// denied says whether the caller learned nothing but that it may not: its key's owner is not told.
func denied(f *kmsapi.Fault) bool { return f != nil && f.Code == kmsapi.AccessDeniedException }

// entry is what a record holds, apart from who receives it.
type entry struct {
	identity       []byte
	at             int64
	name           string
	source, agent  string
	code, message  string
	parameters     []byte
	elements       []byte
	additional     []byte
	requestID, id  string
	shared         string
	readOnly       bool
	of             string // event source; empty: the key service
	keys           []arn.Key
	also           []resource // what the call is about beside keys
	kind           string
	serviceDetails []byte
}

func (r *recorder) entryOf(c *Call, keys []arn.Key) *entry {
	e := &entry{
		identity: callerIdentity(c.Call), at: c.At, name: c.Operation.Name,
		source: c.Call.SourceIP, agent: agentOf(c.Call), requestID: c.Call.RequestID, id: r.config.NewID(),
		readOnly: c.Operation.ReadOnly(), keys: keys, kind: apiCall,
	}
	if c.Input != nil {
		e.parameters, e.also = r.structure(said(c.Input)), r.aliasOf(c)
	}
	if c.Fault == nil && keyengine.TracksUse(c.Operation.Name) && len(keys) > 0 {
		e.id = keyengine.UseEventID(keys[0].String(), c.Call.RequestID) // GetKeyLastUsage names it
	}
	if c.Fault != nil {
		e.code, e.message = c.Fault.Code, r.messageOf(c)
		return e
	}
	if c.Operation.Mutating() {
		e.elements = r.elementsOf(c, keys)
	}
	if id := materialOf(c.Output); id != "" && e.elements == nil {
		var o object
		o.begin("")
		o.text("keyMaterialId", id)
		o.end()
		e.additional = o.b
	}
	return e
}

// structure writes a request or an answer.
func (r *recorder) structure(s any) []byte {
	b := r.members.appendStruct(nil, reflect.ValueOf(s).Elem())
	if len(b) > maxParameters {
		return nil
	}
	return b
}

// elementsOf writes the answer of an operation that changed something. Those that answer nothing name their key.
func (r *recorder) elementsOf(c *Call, keys []arn.Key) []byte {
	if c.Output != nil {
		if b := r.structure(c.Output); len(b) > len("{}") {
			return b
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var o object
	o.begin("")
	o.text("keyId", keys[0].String())
	o.end()
	return o.b
}

// typed gives the answer of another node, which came as JSON, its type, as far as something of it is recorded.
func typed(op *kmsapi.Operation, out any) any {
	raw, isRaw := out.(json.RawMessage)
	if !isRaw {
		return out
	}
	method, ok := reflect.TypeFor[kmsapi.Service]().MethodByName(op.Name)
	if !ok || method.Type.NumOut() < 2 {
		return nil
	}
	into := reflect.New(method.Type.Out(0).Elem()).Interface()
	if json.Unmarshal(raw, into) != nil {
		return nil
	}
	return into
}

// messageOf is the message of a fault without what is withheld of the request.
func (r *recorder) messageOf(c *Call) string {
	message := clip(c.Fault.Message, maxMessage)
	if c.Input == nil {
		return message
	}
	for _, secret := range r.members.secretsOf(nil, reflect.ValueOf(c.Input).Elem()) {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "HIDDEN_DUE_TO_SECURITY_REASONS")
		}
	}
	return message
}

// append writes the record as one line, for the account that receives it.
func (e *entry) append(b []byte, config *Config, recipient string) []byte {
	o := object{b}
	o.begin("")
	o.text("eventVersion", eventVersion)
	o.raw("userIdentity", e.identity)
	at := time.UnixMilli(e.at).UTC()
	o.text("eventTime", at.Format(time.RFC3339))
	o.text("eventSource", orElse(e.of, eventSource))
	o.text("eventName", e.name)
	o.text("awsRegion", config.Region)
	o.text("sourceIPAddress", e.source)
	o.text("userAgent", e.agent)
	o.text("errorCode", e.code)
	o.text("errorMessage", e.message)
	o.raw("requestParameters", e.parameters)
	o.raw("responseElements", e.elements)
	if e.additional != nil {
		o.raw("additionalEventData", e.additional)
	}
	o.text("requestID", e.requestID)
	o.text("eventID", e.id)
	o.boolean("readOnly", e.readOnly)
	e.resources(&o)
	o.text("eventType", e.kind)
	o.boolean("managementEvent", true)
	o.text("recipientAccountId", recipient)
	o.text("sharedEventID", e.shared)
	if e.serviceDetails != nil {
		o.raw("serviceEventDetails", e.serviceDetails)
	}
	o.text("eventCategory", "Management")
	o.name("meridian")
	o.begin("")
	o.text("node", config.Node)
	o.number("timeMillis", e.at)
	o.end()
	o.end()
	return append(o.b, '\n')
}

// resource is what a call is about.
type resource struct{ account, kind, arn string }

func (e *entry) resources(o *object) {
	list := make([]resource, 0, len(e.keys)+len(e.also))
	for _, k := range e.keys {
		list = append(list, resource{k.Account, keyType, k.String()})
	}
	list = append(list, e.also...)
	if len(list) == 0 {
		return
	}
	o.name("resources")
	o.b = append(o.b, '[')
	for i, one := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.begin("")
		o.text("accountId", one.account)
		o.text("type", one.kind)
		o.text("ARN", one.arn)
		o.end()
	}
	o.b = append(o.b, ']')
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func agentOf(c *kmsapi.Call) string {
	if agents := c.Raw.Header["User-Agent"]; len(agents) > 0 {
		return clip(agents[0], maxAgent)
	}
	return ""
}

// clip bounds what a caller sent.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

package keyengine

import (
	"crypto/sha256"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// MaxUses is how many uses one RecordUse may report.
const MaxUses = 256

// maxRequestID bounds the request id of a use, in bytes.
const maxRequestID = 64

// Use is a successful cryptographic operation with a key.
type Use struct {
	Account   string `cbor:"1,keyasint"`
	KeyID     string `cbor:"2,keyasint"`
	Operation string `cbor:"3,keyasint"`
	At        int64  `cbor:"4,keyasint"` // Region time, ms since 1970 UTC
	RequestID string `cbor:"5,keyasint"`
}

// Ref names the key that was used.
func (u Use) Ref() Ref { return Ref{Account: u.Account, KeyID: u.KeyID} }

// TracksUse reports whether an operation, when it succeeds, is a use of its keys. It is so for
// cryptography; to read a public key or to describe a key is no use of it.
func TracksUse(op string) bool {
	switch op {
	case "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret":
		return true
	}
	return false
}

// RecordUse notes when keys were last used, as a node has seen it. Of a key it takes the newest use;
// those that are older than what is known, and those of keys that are not there, are no news.
type RecordUse struct{ Uses []Use }

// Operation implements Command.
func (RecordUse) Operation() string { return "RecordUse" }

// KeyUsed is the newest use of some keys.
type KeyUsed struct {
	Uses []Use `cbor:"1,keyasint"`
}

func (c RecordUse) decide(d *draft) (any, error) {
	if len(c.Uses) > MaxUses {
		return nil, fault(kmsapi.ValidationException, "%d uses are more than %d", len(c.Uses), MaxUses)
	}
	newest := map[Ref]Use{}
	var order []Ref
	for _, u := range c.Uses {
		if err := d.checkUse(u); err != nil {
			return nil, err
		}
		u.At = min(u.At, d.facts.Now) // the clock of the node that saw it may be ahead
		known, ok := newest[u.Ref()]
		switch {
		case !ok && d.news(u):
			order = append(order, u.Ref())
			newest[u.Ref()] = u
		case ok && u.At >= known.At:
			newest[u.Ref()] = u
		}
	}
	if len(order) == 0 {
		return nil, nil
	}
	e := KeyUsed{}
	for _, ref := range order {
		e.Uses = append(e.Uses, newest[ref])
	}
	d.emit(e)
	return nil, nil
}

func (d *draft) checkUse(u Use) error {
	if !TracksUse(u.Operation) || u.RequestID == "" || len(u.RequestID) > maxRequestID {
		return fault(kmsapi.ValidationException, "not a use of a key")
	}
	return d.checkRef(u.Ref())
}

// news reports whether a use is of a key that is here, and later than what is known of it; of two in
// the same millisecond the one that is reported later counts. A use from before the key's creation was
// one of another replica of the same name, which is deleted.
func (v *View) news(u Use) bool {
	key, ok := load[Key](v.rows, keyRow(u.Ref()))
	if !ok || u.At < key.CreatedAt {
		return false
	}
	known, ok := v.lastUse(u.Ref())
	return !ok || u.At > known.At || u.At == known.At && u.RequestID != known.RequestID
}

// used is the value of a row c/used/.
type used struct {
	_         struct{} `cbor:",toarray"`
	Operation string
	At        int64
	RequestID string
}

// usedRow is beside the key's own row, not in it: whatever changes that row makes the nodes forget
// the key's unwrapped materials.
func usedRow(ref Ref) []byte { return []byte(prefixUsed + ref.String()) }

func (v *View) lastUse(ref Ref) (*used, bool) { return load[used](v.rows, usedRow(ref)) }

// GetKeyLastUsage answers the operation. Uses are recorded from a key's creation on.
func (v *View) GetKeyLastUsage(f Facts, in *kmsapi.GetKeyLastUsageRequest) (*kmsapi.GetKeyLastUsageResponse, error) {
	t, err := v.manage(f, "GetKeyLastUsage", in.KeyId)
	if err != nil {
		return nil, err
	}
	created := t.key().CreatedAt
	out := &kmsapi.GetKeyLastUsageResponse{
		KeyId: new(t.ref.KeyID), KeyCreationDate: timestamp(created), TrackingStartDate: timestamp(created),
		KeyLastUsage: new(kmsapi.KeyLastUsageData), // of a key that was never used it is empty, not absent
	}
	if u, ok := v.lastUse(t.ref); ok {
		*out.KeyLastUsage = kmsapi.KeyLastUsageData{
			Operation: new(kmsapi.KeyLastUsageTrackingOperation(u.Operation)), Timestamp: timestamp(u.At),
			KmsRequestId: new(u.RequestID), CloudTrailEventId: new(UseEventID(t.arn, u.RequestID)),
		}
	}
	return out, nil
}

// UseEventID is the id of the event that a trail has, or would have, of a request's use of a key: the
// same wherever it is asked for, another for each key of the request.
func UseEventID(keyARN, requestID string) string {
	sum := sha256.Sum256([]byte(keyARN + "\n" + requestID))
	u := [16]byte(sum[:16])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // a UUID of version 8: made from a hash
	return arn.NewKeyID(u, false)               // which has the same text form
}

func (e KeyUsed) evolve(s state) {
	for _, u := range e.Uses {
		s.put(usedRow(u.Ref()), &used{Operation: u.Operation, At: u.At, RequestID: u.RequestID})
	}
}

package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
)

// Skew is how far a request's date may be from the verifier's clock, either way.
const Skew = 5 * time.Minute

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicTime  = "20060102T150405Z"
)

// Errors of looking up a credential. Others are as ErrUnknown to the caller.
var (
	ErrUnknown = errors.New("unknown access key or session token")
	ErrExpired = errors.New("expired session token")
)

// A Credential is what belongs to an access key id.
type Credential struct {
	Secret    string
	Principal kmsapi.Principal
	Identity  kmsapi.Identity // nil: nothing is known but the Principal
}

// Signed is what a signature says.
type Signed struct {
	Caller   kmsapi.Principal
	Identity kmsapi.Identity
	Region   string
}

// A Verifier verifies requests. Its fields are set before first use and not changed after.
type Verifier struct {
	// Credentials finds the credential of an access key id, with the session token that came with it; empty: none
	// did. A lasting access key must come without one.
	Credentials func(accessKeyID, token string, now time.Time) (Credential, error)
	// Now is the wall clock: clients sign with real time.
	Now func() time.Time
	// Regions reports whether a Region is served here.
	Regions func(region string) bool
	// Service is the name that requests are signed for; empty means kms.
	Service string

	keys keyCache
}

// Verify returns who signed r, with its body, and for which Region; or why that cannot be told.
//
// What the signature does not cover beyond the package's promise are headers outside x-amz-* that
// the signer did not list. They may steer how a call is served, never what it may do.
func (v *Verifier) Verify(r *http.Request, body []byte) (Signed, *kmsapi.Fault) {
	a, fault := readAuthorization(r)
	if fault != nil {
		return Signed{}, fault
	}
	if fault := v.checkScope(a); fault != nil {
		return Signed{}, fault
	}
	now := v.Now().UTC()
	credential, fault := v.credential(a, now)
	if fault != nil {
		return Signed{}, fault
	}
	if fault := a.checkDate(now); fault != nil {
		return Signed{}, fault
	}
	bodyHash := sha256.Sum256(body)
	payload := hex.EncodeToString(bodyHash[:])
	if fault := a.checkPayload(payload); fault != nil {
		return Signed{}, fault
	}
	key := v.keys.get(signingScope{secret: credential.Secret, date: a.date, region: a.region, service: v.service()})
	want := sign(key, a, canonicalRequest(r, a, payload))
	if subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) != 1 {
		return Signed{}, kmsapi.Errorf(kmsapi.InvalidSignatureException, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return Signed{credential.Principal, credential.Identity, a.region}, nil
}

func (v *Verifier) service() string {
	if v.Service == "" {
		return "kms"
	}
	return v.Service
}

func (v *Verifier) checkScope(a *authorization) *kmsapi.Fault {
	switch {
	case !v.Regions(a.region):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Credential should be scoped to a valid region.")
	case a.service != v.service():
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Credential should be scoped to correct service: '%s'.", v.service())
	case a.terminator != terminator:
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Credential should be scoped with a valid terminator: '%s'.", terminator)
	}
	return nil
}

func (v *Verifier) credential(a *authorization, now time.Time) (Credential, *kmsapi.Fault) {
	c, err := v.Credentials(a.accessKeyID, a.token, now)
	switch {
	case errors.Is(err, ErrExpired):
		return Credential{}, kmsapi.Errorf(kmsapi.ExpiredTokenException, "The security token included in the request is expired")
	case err != nil:
		return Credential{}, unrecognized()
	}
	return c, nil
}

func unrecognized() *kmsapi.Fault {
	return kmsapi.Errorf(kmsapi.UnrecognizedClientException, "The security token included in the request is invalid.")
}

// checkDate compares the request's time with this moment.
func (a *authorization) checkDate(now time.Time) *kmsapi.Fault {
	window := Skew
	if a.validFor != 0 {
		window = a.validFor
	}
	stamp, nowStamp := a.at.Format(basicTime), now.Format(basicTime)
	oldest, newest := now.Add(-window), now.Add(Skew)
	switch {
	case a.at.Before(oldest.Truncate(time.Second)):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Signature expired: %s is now earlier than %s (%s - %s)", stamp, oldest.Format(basicTime), nowStamp, minutes(window))
	case a.at.After(newest):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Signature not yet current: %s is still later than %s (%s + 5 min.)", stamp, newest.Format(basicTime), nowStamp)
	case a.date != stamp[:8]:
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", shorten(a.date), stamp[:8], stamp)
	}
	return nil
}

// minutes writes a time as AWS does where it is whole minutes.
func minutes(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " sec."
}

// checkPayload compares the hash that a client may announce with that of the body. A body that no signature covers is
// refused in each of its forms: these services, unlike AWS's object store, have bodies that say what to do.
func (a *authorization) checkPayload(payload string) *kmsapi.Fault {
	switch {
	case a.payload == "UNSIGNED-PAYLOAD" || strings.HasPrefix(a.payload, "STREAMING-"):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Unsigned payloads are not supported.")
	case a.payload != "" && subtle.ConstantTimeCompare([]byte(a.payload), []byte(payload)) != 1:
		return mismatchedPayload()
	}
	return nil
}

func mismatchedPayload() *kmsapi.Fault {
	return kmsapi.Errorf(kmsapi.InvalidSignatureException, "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
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

// A Credential is what belongs to an access key id.
type Credential struct {
	Secret    string
	Principal kmsapi.Principal
	// Token is the session token of temporary credentials; empty for lasting ones, which must come
	// without a token.
	Token string
	// Expires ends temporary credentials; zero means never.
	Expires time.Time
}

// A Verifier verifies requests. Its fields are set before first use and not changed after.
type Verifier struct {
	// Credentials finds the credential of an access key id.
	Credentials func(accessKeyID string) (Credential, bool)
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
func (v *Verifier) Verify(r *http.Request, body []byte) (kmsapi.Principal, string, *kmsapi.Fault) {
	a, fault := readAuthorization(r)
	if fault != nil {
		return kmsapi.Principal{}, "", fault
	}
	if fault := v.checkScope(a); fault != nil {
		return kmsapi.Principal{}, "", fault
	}
	now := v.Now().UTC()
	credential, fault := v.credential(r, a.accessKeyID, now)
	if fault != nil {
		return kmsapi.Principal{}, "", fault
	}
	if fault := checkDate(a, now); fault != nil {
		return kmsapi.Principal{}, "", fault
	}
	bodyHash := sha256.Sum256(body)
	payload := hex.EncodeToString(bodyHash[:])
	if fault := checkPayload(r, payload); fault != nil {
		return kmsapi.Principal{}, "", fault
	}
	key := v.keys.get(signingScope{secret: credential.Secret, date: a.date, region: a.region, service: v.service()})
	want := sign(key, a, canonicalRequest(r, a.signedHeaders, payload))
	if subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) != 1 {
		return kmsapi.Principal{}, "", kmsapi.Errorf(kmsapi.InvalidSignatureException, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return credential.Principal, a.region, nil
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

func (v *Verifier) credential(r *http.Request, accessKeyID string, now time.Time) (Credential, *kmsapi.Fault) {
	c, ok := v.Credentials(accessKeyID)
	token, once := single(r, "X-Amz-Security-Token")
	if !ok || !once || subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) != 1 {
		return Credential{}, kmsapi.Errorf(kmsapi.UnrecognizedClientException, "The security token included in the request is invalid.")
	}
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return Credential{}, kmsapi.Errorf(kmsapi.ExpiredTokenException, "The security token included in the request is expired")
	}
	return c, nil
}

func checkDate(a *authorization, now time.Time) *kmsapi.Fault {
	stamp, nowStamp := a.at.Format(basicTime), now.Format(basicTime)
	oldest, newest := now.Add(-Skew), now.Add(Skew)
	switch {
	case a.at.Before(oldest.Truncate(time.Second)):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Signature expired: %s is now earlier than %s (%s - 5 min.)", stamp, oldest.Format(basicTime), nowStamp)
	case a.at.After(newest):
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Signature not yet current: %s is still later than %s (%s + 5 min.)", stamp, newest.Format(basicTime), nowStamp)
	case a.date != stamp[:8]:
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", shorten(a.date), stamp[:8], stamp)
	}
	return nil
}

// checkPayload compares the hash that a client may announce in a header with that of the body.
func checkPayload(r *http.Request, payload string) *kmsapi.Fault {
	announced, once := single(r, "X-Amz-Content-Sha256")
	switch {
	case announced == "UNSIGNED-PAYLOAD":
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "Unsigned payloads are not supported.")
	case !once || announced != "" && subtle.ConstantTimeCompare([]byte(announced), []byte(payload)) != 1:
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return nil
}

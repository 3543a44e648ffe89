package sts

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"time"

	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/region/sessions"
)

// namespace is that of the service's answers.
const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// result is what an operation answers with.
type result interface{ named(requestID string) any }

// response is the frame of an answer.
type response[T any] struct {
	XMLName   xml.Name
	Result    T
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

// framed names an answer after its operation.
func framed[T any](operation, requestID string, result T) any {
	return response[T]{XMLName: xml.Name{Space: namespace, Local: operation + "Response"}, Result: result, RequestID: requestID}
}

type getCallerIdentity struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	ARN     string   `xml:"Arn"`
	UserID  string   `xml:"UserId"`
	Account string
}

func (x *getCallerIdentity) named(id string) any { return framed("GetCallerIdentity", id, x) }

type getSessionToken struct {
	XMLName     xml.Name `xml:"GetSessionTokenResult"`
	Credentials credentials
}

func (x *getSessionToken) named(id string) any { return framed("GetSessionToken", id, x) }

type assumeRole struct {
	XMLName         xml.Name `xml:"AssumeRoleResult"`
	SourceIdentity  string   `xml:",omitempty"`
	AssumedRoleUser struct {
		ARN string `xml:"Arn"`
		ID  string `xml:"AssumedRoleId"`
	}
	Credentials      credentials
	PackedPolicySize *int `xml:",omitempty"`
}

func (x *assumeRole) named(id string) any { return framed("AssumeRole", id, x) }

// credentials are those of a session, in plain: the answer is the one place for them.
type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func shown(s sessions.Issued) credentials {
	return credentials{s.AccessKeyID, s.Secret.Reveal(), s.Token, s.Expires.Format(time.RFC3339)}
}

// fault is the frame of a refusal.
type fault struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// Refuse answers with a fault.
func Refuse(w http.ResponseWriter, requestID string, f *kmsapi.Fault) {
	out := fault{Type: "Sender", Code: f.Code, Message: f.Message, RequestID: requestID}
	if f.StatusCode() >= http.StatusInternalServerError {
		out.Type = "Receiver"
	}
	write(w, requestID, f.StatusCode(), out)
}

// translated gives a fault the name and status that it has in this protocol.
func translated(f *kmsapi.Fault) *kmsapi.Fault {
	code, status := f.Code, f.Status
	switch f.Code {
	case kmsapi.InvalidSignatureException:
		code, status = "SignatureDoesNotMatch", http.StatusForbidden
	case kmsapi.IncompleteSignatureException:
		code, status = "IncompleteSignature", http.StatusBadRequest
	case kmsapi.MissingAuthenticationTokenException:
		code, status = "MissingAuthenticationToken", http.StatusForbidden
	case kmsapi.UnrecognizedClientException:
		code, status = "InvalidClientTokenId", http.StatusForbidden
	case kmsapi.ExpiredTokenException:
		code, status = "ExpiredToken", http.StatusForbidden
	case identity.AccessDenied:
		status = http.StatusForbidden
	}
	return &kmsapi.Fault{Code: code, Message: f.Message, Status: status}
}

// write sends XML.
func write(w http.ResponseWriter, requestID string, status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		body, status = nil, http.StatusInternalServerError
	}
	header := w.Header()
	header.Set("Content-Type", "text/xml")
	header.Set("X-Amzn-Requestid", requestID)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the caller left
}

package awsjson

import (
	"net/http"

	"meridian/keyengine/kmsapi"
)

// Headers of Meridian's own. Node, Account (the caller's) and Session are answers', Stale too; Consistency is a request's and
// Session may be sent back in one.
const (
	NodeHeader        = "X-Meridian-Node"
	SessionHeader     = "X-Meridian-Session"
	AccountHeader     = "X-Meridian-Account"
	StaleHeader       = "X-Meridian-Stale"
	ConsistencyHeader = "X-Meridian-Consistency"
	RequestIDHeader   = "X-Amzn-Requestid"
)

// ContentType is the media type of requests and answers.
const ContentType = "application/x-amz-json-1.1"

// maxHeader bounds a header that goes into the call.
const maxHeader = 256

// readHeaders takes the headers that steer a call.
func readHeaders(call *kmsapi.Call) error {
	for _, h := range []struct {
		name string
		into *string
	}{
		{ConsistencyHeader, &call.Consistency},
		{SessionHeader, &call.Session},
	} {
		values := call.Raw.Header[h.name]
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 || len(values[0]) > maxHeader {
			return kmsapi.Errorf(kmsapi.ValidationException, "The header %s must be sent once and be no longer than %d bytes.", h.name, maxHeader)
		}
		*h.into = values[0]
	}
	// Clients that are no AWS SDK may send anything here; it then just does not tie attempts together.
	if ids := call.Raw.Header["Amz-Sdk-Invocation-Id"]; len(ids) == 1 && isUUID(ids[0]) {
		call.InvocationID = ids[0]
	}
	return nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// header makes the headers of an answer.
func (h *Handler) header(call *kmsapi.Call) http.Header {
	header := http.Header{
		RequestIDHeader: {call.RequestID},
		"Content-Type":  {ContentType},
		"Cache-Control": {"no-cache, no-store, must-revalidate, private"},
		"Expires":       {"0"},
		"Pragma":        {"no-cache"},
		NodeHeader:      {h.config.Node},
	}
	if account := call.Caller.Account; account != "" {
		header.Set(AccountHeader, account)
	}
	for name, value := range call.Reply {
		header.Set(name, value)
	}
	return header
}

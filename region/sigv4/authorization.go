package sigv4

import (
	"net/http"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
)

// Bounds of an Authorization header.
const (
	maxAuthorization = 8 << 10
	maxSignedHeaders = 100
)

// authorization is what a signed request carries, in its headers or in its query.
type authorization struct {
	accessKeyID, date, region, service, terminator string

	signedHeaders []string // lower case, ascending
	signature     string   // lower-case hexadecimal
	token         string   // session token; empty: none
	at            time.Time

	presigned bool
	validFor  time.Duration // of a presigned request that says so; 0: as long as any other
	payload   string        // hash of the body that the request announces; empty: none
}

// readAuthorization parses what a signed request must carry. It may be in one place alone: of two that differ, one
// reader would believe the one and another the other.
func readAuthorization(r *http.Request) (*authorization, *kmsapi.Fault) {
	header, once := single(r, "Authorization")
	query, fault := readQuery(r.URL.RawQuery)
	switch {
	case fault != nil:
		return nil, fault
	case !once || len(header) > maxAuthorization:
		return nil, incomplete("Authorization header must be sent once and be no longer than %d bytes.", maxAuthorization)
	case header != "" && query != nil:
		return nil, incomplete("The request is signed in its query and in an Authorization header; only one of them is allowed.")
	case query != nil:
		return query.authorization(r)
	case header == "":
		return nil, kmsapi.Errorf(kmsapi.MissingAuthenticationTokenException, "Missing Authentication Token")
	}
	return readHeader(r, header)
}

// readHeader parses an Authorization header and the headers that belong to it.
func readHeader(r *http.Request, header string) (*authorization, *kmsapi.Fault) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", shorten(scheme))
	}
	parameters, fault := readParameters(rest)
	if fault != nil {
		return nil, fault
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parameters[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	dateHeader := "X-Amz-Date"
	date, once := single(r, dateHeader)
	if date == "" && once {
		dateHeader = "Date"
		date, once = single(r, dateHeader)
	}
	if date == "" || !once {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return nil, incomplete("%s", strings.Join(missing, " "))
	}
	a := &authorization{signature: parameters["Signature"]}
	if a.payload, once = single(r, "X-Amz-Content-Sha256"); !once {
		return nil, mismatchedPayload()
	}
	if a.token, once = single(r, "X-Amz-Security-Token"); !once {
		return nil, unrecognized()
	}
	if fault := a.readCredential(parameters["Credential"]); fault != nil {
		return nil, fault
	}
	if fault := a.readSignedHeaders(parameters["SignedHeaders"], r, dateHeader); fault != nil {
		return nil, fault
	}
	return a, a.readDate(date)
}

// readParameters splits the name=value pairs of the header.
func readParameters(list string) (map[string]string, *kmsapi.Fault) {
	parameters := make(map[string]string, 3)
	for pair := range strings.SplitSeq(list, ",") {
		pair = strings.Trim(pair, " \t")
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header.", shorten(pair))
		}
		if _, twice := parameters[name]; twice {
			return nil, incomplete("Authorization header repeats the '%s' parameter.", shorten(name))
		}
		parameters[name] = value
	}
	return parameters, nil
}

func (a *authorization) readCredential(credential string) *kmsapi.Fault {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", shorten(credential))
	}
	a.accessKeyID, a.date, a.region, a.service, a.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// readSignedHeaders also makes sure that what decides a request's meaning is signed at all:
// the host, the date, and x-amz-*, where the operation's name is.
func (a *authorization) readSignedHeaders(list string, r *http.Request, dateHeader string) *kmsapi.Fault {
	a.signedHeaders = strings.Split(list, ";")
	if len(a.signedHeaders) > maxSignedHeaders {
		return incomplete("SignedHeaders lists more than %d headers.", maxSignedHeaders)
	}
	signed := make(map[string]bool, len(a.signedHeaders))
	for i, name := range a.signedHeaders {
		if name == "" || name != strings.ToLower(name) || i > 0 && a.signedHeaders[i-1] >= name {
			return incomplete("SignedHeaders must be in lower case, sorted and without repetition.")
		}
		signed[name] = true
	}
	if !signed["host"] {
		return kmsapi.Errorf(kmsapi.InvalidSignatureException, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if (strings.HasPrefix(lower, "x-amz-") || name == dateHeader) && !signed[lower] {
			return kmsapi.Errorf(kmsapi.InvalidSignatureException, "'%s' must be a 'SignedHeader' in the AWS Authorization.", shorten(name))
		}
	}
	return nil
}

func (a *authorization) readDate(date string) *kmsapi.Fault {
	var err error
	if a.at, err = time.Parse(basicTime, date); err == nil {
		return nil
	}
	if a.at, err = http.ParseTime(date); err == nil {
		a.at = a.at.UTC()
		return nil
	}
	return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'.", shorten(date))
}

// ScopeRegion returns the Region that r says it was signed for, without verifying anything; empty if
// it does not say. It is for finding the Region that shall verify r.
func ScopeRegion(r *http.Request) string { return scope(r, 2) }

// ScopeService returns the service that r says it was signed for, in the same way.
func ScopeService(r *http.Request) string { return scope(r, 3) }

// scope takes a part out of the credential scope.
func scope(r *http.Request, part int) string {
	credential := r.Header.Get("Authorization")
	if len(credential) > maxAuthorization {
		return ""
	}
	if _, after, ok := strings.Cut(credential, "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	} else {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) != 5 {
		return ""
	}
	return parts[part]
}

// single returns the value of a header that may be sent once at most.
func single(r *http.Request, name string) (value string, once bool) {
	switch values := r.Header[name]; len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], true
	}
	return "", false
}

func incomplete(format string, args ...any) *kmsapi.Fault {
	return kmsapi.Errorf(kmsapi.IncompleteSignatureException, format, args...)
}

// shorten bounds what a message repeats of a request.
func shorten(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

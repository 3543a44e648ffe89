package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
)

// Bounds of a query that signs a request.
const (
	maxQuery      = 32 << 10 // bytes
	maxParameters = 200
	maxValidFor   = 7 * 24 * time.Hour
)

const signatureParameter = "X-Amz-Signature"

// query are the parameters X-Amz-… of a presigned request.
type query map[string]string

// readQuery finds the parameters of a presigned request; nil if it is none. A parameter that is there twice is refused:
// it could mean one thing here and another to whoever looks next.
func readQuery(raw string) (query, *kmsapi.Fault) {
	if !strings.Contains(raw, "X-Amz-") && !strings.Contains(raw, "%") { // a name may be encoded
		return nil, nil
	}
	q := query{}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.PathUnescape(name)
		if err != nil || !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if _, twice := q[name]; twice {
			return nil, incomplete("AWS query-string parameters repeat '%s'.", shorten(name))
		}
		if len(raw) > maxQuery || len(q) >= maxParameters {
			return nil, incomplete("The query string of a presigned request must be no longer than %d bytes.", maxQuery)
		}
		if value, err = url.PathUnescape(value); err != nil {
			return nil, incomplete("The query-string parameter '%s' is not encoded properly.", shorten(name))
		}
		q[name] = value
	}
	_, algorithm := q["X-Amz-Algorithm"]
	_, credential := q["X-Amz-Credential"]
	_, signature := q[signatureParameter]
	if !algorithm && !credential && !signature {
		return nil, nil
	}
	return q, nil
}

// authorization parses what a presigned request must carry.
func (q query) authorization(r *http.Request) (*authorization, *kmsapi.Fault) {
	var missing []string
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", signatureParameter, "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if q[name] == "" {
			missing = append(missing, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if len(missing) > 0 {
		return nil, incomplete("%s Re-examine the query-string parameters.", strings.Join(missing, " "))
	}
	if q["X-Amz-Algorithm"] != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", shorten(q["X-Amz-Algorithm"]))
	}
	a := &authorization{presigned: true, signature: q[signatureParameter], token: q["X-Amz-Security-Token"], payload: q["X-Amz-Content-Sha256"]}
	// What the query says no header may say again: X-Amz-Date in the query and another in a header, for example.
	for name := range q {
		if _, again := r.Header[http.CanonicalHeaderKey(name)]; again {
			return nil, incomplete("'%s' is in the query string and among the headers.", shorten(name))
		}
	}
	if announced, once := single(r, "X-Amz-Content-Sha256"); !once {
		return nil, mismatchedPayload()
	} else if announced != "" {
		a.payload = announced
	}
	if fault := a.readCredential(q["X-Amz-Credential"]); fault != nil {
		return nil, fault
	}
	if fault := a.readSignedHeaders(q["X-Amz-SignedHeaders"], r, "X-Amz-Date"); fault != nil {
		return nil, fault
	}
	if expires, ok := q["X-Amz-Expires"]; ok {
		seconds, err := strconv.ParseUint(expires, 10, 32)
		if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > maxValidFor {
			return nil, incomplete("X-Amz-Expires must be a number of seconds from 1 to %d.", int(maxValidFor/time.Second))
		}
		a.validFor = time.Duration(seconds) * time.Second
	}
	return a, a.readDate(q["X-Amz-Date"])
}

package node

import (
	"net/http"
	"strings"

	"meridian/keyengine/kmsapi"
	"meridian/region/awsjson"
)

// traced follows the calls that h answers, if this node traces. What says how they come here.
func (n *Node) traced(what string, h http.Handler) http.Handler {
	if n.config.Tracer == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := operationOf(r)
		ctx, span := n.config.Tracer.Arrive(r.Context(), what+" "+operation, r.Header)
		seen := &statusSeen{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			span.Text("meridian.node", n.config.Node.Name)
			span.Text("meridian.operation", operation)
			span.Text("meridian.request_id", w.Header().Get(awsjson.RequestIDHeader))
			span.Number("http.response.status_code", int64(seen.status))
			if seen.status >= http.StatusInternalServerError {
				span.Failed("failed")
			}
			span.End(nil)
		}()
		h.ServeHTTP(seen, r.WithContext(ctx))
	})
}

// operationOf is the operation of the service model that a request names, or other.
func operationOf(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if op, ok := kmsapi.Lookup(name); ok {
		return op.Name
	}
	return "other"
}

// statusSeen notes the status of an answer.
type statusSeen struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusSeen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

package awsjson

import (
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"meridian/keyengine/kmsapi"
)

// requestEntityTooLarge is what AWS's front ends call a body over the limit.
const requestEntityTooLarge = "RequestEntityTooLargeException"

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		h.turnAway(w, &kmsapi.Fault{Code: kmsapi.UnknownOperationException, Status: http.StatusNotFound})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.config.MaxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		h.turnAway(w, TooLarge(h.config.MaxBody))
		return
	}
	if err != nil {
		h.turnAway(w, kmsapi.Errorf(kmsapi.SerializationException, "The request body could not be read to its end."))
		return
	}
	h.write(w, h.Handle(r.Context(), Request{
		Raw:      kmsapi.Raw{Host: r.Host, Query: r.URL.RawQuery, Header: r.Header, Body: body},
		SourceIP: sourceIP(r),
	}))
}

// sourceIP is the address at the other end of the connection: no header is believed.
func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// TooLarge is the fault of a request whose body is longer than the limit in bytes.
func TooLarge(limit int64) *kmsapi.Fault {
	return &kmsapi.Fault{
		Code:    requestEntityTooLarge,
		Message: "The request body must be no longer than " + strconv.FormatInt(limit, 10) + " bytes.",
		Status:  http.StatusRequestEntityTooLarge,
	}
}

// turnAway answers a request that is not even read.
func (h *Handler) turnAway(w http.ResponseWriter, fault *kmsapi.Fault) {
	h.write(w, h.refuse(&kmsapi.Call{RequestID: h.config.RequestID()}, "", nil, fault, time.Now()))
}

func (h *Handler) write(w http.ResponseWriter, a Answer) {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	// An error here means that the client is gone; what was done stays done.
	_, _ = w.Write(a.Body)
}

// NewServer makes a server whose time-outs keep slow and half-open connections from piling up. A
// handler that streams for longer than a minute moves its own deadline.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

package httpbus

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"meridian/region/trace"
	"meridian/replication"
)

// Limits of a server.
const (
	maxHandling  = 64 // requests that are handled at a time
	maxHeader    = 4 << 10
	readTimeout  = 10 * time.Second // of a handshake, and of a request
	writeTimeout = 30 * time.Second // of handling a request, and its answer
)

// path is that of a request, before its kind.
const path = "/mr/v1/"

// Listen takes requests of other Regions on l, until Close, which closes l. What does not lead refuses them.
func (b *Bus) Listen(l net.Listener) {
	s := &http.Server{
		Handler: http.HandlerFunc(b.receive), MaxHeaderBytes: maxHeader,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: 2 * idleTimeout,
		ErrorLog: slog.NewLogLogger(b.log.Handler(), slog.LevelDebug), // strangers fill no log
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		l.Close()
		return
	}
	b.servers = append(b.servers, s)
	b.running.Go(func() {
		if err := s.Serve(tls.NewListener(l, b.tlsConfig(""))); !errors.Is(err, http.ErrServerClosed) {
			b.log.Warn("requests of other Regions are not taken any more", "err", err)
		}
	})
}

// serving is a Serve in force.
type serving struct {
	handler replication.Handler
	ctx     context.Context
	slots   chan struct{}
	running sync.WaitGroup // entered under the bus's lock, and not after it has ended
}

// Serve implements replication.Bus.
func (b *Bus) Serve(h replication.Handler) (stop func(), err error) {
	ctx, cancel := context.WithCancel(b.ctx)
	s := &serving{handler: h, ctx: ctx, slots: make(chan struct{}, maxHandling)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serving = s
	return sync.OnceFunc(func() {
		b.mu.Lock()
		if b.serving == s {
			b.serving = nil
		}
		b.mu.Unlock()
		cancel()
		s.running.Wait()
	}), nil
}

// enter returns what serves, until leave is called; nil: this node does not lead.
func (b *Bus) enter() (s *serving, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.serving == nil {
		return nil, nil
	}
	b.serving.running.Add(1)
	return b.serving, b.serving.running.Done
}

// receive takes one request.
func (b *Bus) receive(w http.ResponseWriter, r *http.Request) {
	src, err := b.proved(r.TLS)
	kind := replication.Kind(r.URL.Path[min(len(path), len(r.URL.Path)):])
	if err != nil || r.Method != http.MethodPost || r.URL.Path != path+string(kind) || !slices.Contains(replication.Kinds, kind) {
		http.NotFound(w, r)
		return
	}
	envelope, err := io.ReadAll(http.MaxBytesReader(w, r.Body, replication.MaxEnvelope))
	if err != nil {
		http.Error(w, "too large, or cut short", http.StatusRequestEntityTooLarge)
		return
	}
	s, leave := b.enter()
	if s == nil {
		http.Error(w, errNotLeading.Error(), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		http.Error(w, errNotLeading.Error(), http.StatusServiceUnavailable)
		return
	case <-r.Context().Done():
		return
	}
	defer func() { <-s.slots }()
	answer := s.handler(trace.Arrived(s.ctx, r.Header.Get(trace.Header)), src, kind, envelope)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = w.Write(answer) // an error means that nobody waits for it any more
}

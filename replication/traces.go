package replication

import (
	"context"
	"slices"
	"sync"
	"time"

	"meridian/region/trace"
)

// Bounds of what is remembered of traces.
const (
	maxTraced = 1024
	tracedFor = time.Minute
)

// traces remembers which trace last changed a key, so that what is then said about the key to other Regions belongs to
// it: envelopes are signed and do not carry it. Nothing depends on it.
type traces struct {
	mu   sync.Mutex
	keys map[string]traced // by key id
}

type traced struct {
	parent string
	until  time.Time
}

// note remembers a trace for keys. Where there is no room it is not remembered.
func (t *traces) note(now time.Time, parent string, keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil {
		t.keys = make(map[string]traced)
	}
	if len(t.keys) >= maxTraced {
		for key, old := range t.keys {
			if old.until.Before(now) {
				delete(t.keys, key)
			}
		}
	}
	for _, key := range keys {
		if _, known := t.keys[key]; known || len(t.keys) < maxTraced {
			t.keys[key] = traced{parent, now.Add(tracedFor)}
		}
	}
}

// of is the trace that changed a key lately; empty: none.
func (t *traces) of(now time.Time, key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.keys[key]; ok && now.Before(old.until) {
		return old.parent
	}
	return ""
}

// Caused says that a change of keys which is about to be applied belongs to a trace: what is then said about them to
// other Regions belongs to it too.
func (r *Relay) Caused(parent string, keyIDs ...string) {
	if r.config.Tracer != nil && parent != "" {
		r.traces.note(time.Now(), parent, keyIDs)
	}
}

// tracing is a context for saying something about a family, in the trace that changed it, if any.
func (l *link) tracing(p *parcel) (context.Context, trace.Span) {
	if l.config.Tracer == nil || !p.record && !p.status && !p.ask {
		return l.ctx, trace.Span{}
	}
	rec := &p.local.Record
	ctx, span := l.config.Tracer.Continue(l.ctx, "tell Region", l.traces.of(time.Now(), rec.KeyID))
	span.Text("meridian.to", l.to)
	span.Text("meridian.key", rec.KeyID)
	span.Text("meridian.family_version", rec.Version.String())
	return ctx, span
}

// arrived begins a span for a request of another Region, if it belongs to a trace.
func (s *session) arrived(ctx context.Context, src string, kind Kind) (context.Context, trace.Span) {
	ctx, span := s.config.Tracer.Continue(ctx, "hear Region", trace.Incoming(ctx))
	span.Text("meridian.from", src)
	if slices.Contains(Kinds, kind) {
		span.Text("meridian.kind", string(kind))
	}
	return ctx, span
}

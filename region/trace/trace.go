package trace

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Header carries a trace's context between the processes of a cluster.
const Header = "X-Meridian-Traceparent"

// maxParent bounds the context that a message brings, in bytes; W3C's form has 55.
const maxParent = 64

// parentField is the name of the context in W3C's form.
const parentField = "traceparent"

// Tracer begins traces. The nil Tracer begins none.
type Tracer struct{ tracer oteltrace.Tracer }

// New returns a Tracer that makes its spans with a provider.
func New(p oteltrace.TracerProvider) *Tracer { return &Tracer{p.Tracer("meridian")} }

// Span is a part of a trace. The zero Span records nothing.
type Span struct{ span oteltrace.Span }

// Arrive begins a span for a request that arrived with these headers: a part of the trace that they name, else of a new one.
func (t *Tracer) Arrive(ctx context.Context, name string, h http.Header) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if parent := h.Get(Header); parent != "" {
		ctx = remote(ctx, parent)
	} else {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	}
	return t.start(ctx, name, oteltrace.SpanKindServer)
}

// Continue begins a span of the trace that parent names, as [Parent] returned it; where that is empty, none.
func (t *Tracer) Continue(ctx context.Context, name, parent string) (context.Context, Span) {
	if t == nil || parent == "" {
		return ctx, Span{}
	}
	ctx = remote(ctx, parent)
	if !oteltrace.SpanContextFromContext(ctx).IsValid() {
		return ctx, Span{}
	}
	return t.start(ctx, name, oteltrace.SpanKindInternal)
}

func (t *Tracer) start(ctx context.Context, name string, kind oteltrace.SpanKind) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name, oteltrace.WithSpanKind(kind))
	return ctx, Span{span}
}

// Start begins a span below the one in ctx; none where ctx is not being traced.
func Start(ctx context.Context, name string) (context.Context, Span) {
	above := oteltrace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := above.TracerProvider().Tracer("meridian").Start(ctx, name)
	return ctx, Span{span}
}

// Parent names the span in ctx in W3C's form, for Continue; empty: ctx is not being traced.
func Parent(ctx context.Context) string {
	c := oteltrace.SpanContextFromContext(ctx)
	if !c.IsValid() || !c.IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[parentField]
}

// Arrived is ctx with the parent that a message brought, for [Incoming]. What is not in W3C's form is left out.
func Arrived(ctx context.Context, parent string) context.Context {
	if parent == "" || len(parent) > maxParent {
		return ctx
	}
	return context.WithValue(ctx, incoming{}, parent)
}

// Incoming is the parent that the message being handled brought; empty: none.
func Incoming(ctx context.Context) string {
	parent, _ := ctx.Value(incoming{}).(string)
	return parent
}

type incoming struct{}

// Depart puts the trace of ctx into the headers of a request to another process of the cluster.
func Depart(ctx context.Context, h http.Header) {
	if parent := Parent(ctx); parent != "" {
		h.Set(Header, parent)
	}
}

// Detach is a context that is never done, in the trace of ctx.
func Detach(ctx context.Context) context.Context {
	span := oteltrace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return context.Background()
	}
	return oteltrace.ContextWithSpan(context.Background(), span)
}

// ID is the trace of ctx, for a line of a log; empty: ctx is not being traced.
func ID(ctx context.Context) string {
	c := oteltrace.SpanContextFromContext(ctx)
	if !c.IsValid() || !c.IsSampled() {
		return ""
	}
	return c.TraceID().String()
}

// remote is ctx in the trace that parent names.
func remote(ctx context.Context, parent string) context.Context {
	if len(parent) > maxParent {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{parentField: parent})
}

// Recording reports whether what is said to the span is kept.
func (s Span) Recording() bool { return s.span != nil && s.span.IsRecording() }

// Text says something about the span.
func (s Span) Text(name, value string) {
	if s.Recording() {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// Number says a number about the span.
func (s Span) Number(name string, value int64) {
	if s.Recording() {
		s.span.SetAttributes(attribute.Int64(name, value))
	}
}

// Failed says that what the span stands for failed, in words that hold no secret.
func (s Span) Failed(why string) {
	if s.Recording() {
		s.span.SetStatus(codes.Error, why)
	}
}

// End ends the span, as failed if err is one. The text of an error is not kept: callers' words may be in it.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.Failed("failed")
	}
	s.span.End()
}

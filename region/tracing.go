package region

import (
	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/region/trace"
)

// follow begins the span of the append in the trace of a command, and says which keys the trace is about to change: other
// Regions are told of them as soon as the record is applied, which is before its append returns.
func (b *batch) follow(pr *proposal, events []eventlog.Event) {
	if pr.traced == nil {
		return
	}
	ctx, span := trace.Start(pr.traced, "append to log")
	b.spans = append(b.spans, span)
	if b.p.caused == nil {
		return
	}
	var keys []string
	for _, e := range events {
		if _, key, _, err := codec.Describe(e); err == nil && key != "" {
			keys = append(keys, key)
		}
	}
	b.p.caused(trace.Parent(ctx), keys...)
}

// traced ends the spans of an append.
func (b *batch) traced(seq uint64, err error) {
	for _, span := range b.spans {
		span.Number("meridian.seq", int64(seq))
		span.Number("meridian.term", int64(b.p.term))
		span.Number("meridian.commands", int64(len(b.record.Commands)))
		span.End(err)
	}
}

// causes is how the relay is told which trace changes keys; nil: it does not want to know.
func (r *Region) causes() func(parent string, keyIDs ...string) {
	if relay, ok := r.relay.(interface {
		Caused(parent string, keyIDs ...string)
	}); ok {
		return relay.Caused
	}
	return nil
}

package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/keyengine/kmsapi"
)

// Values of labels that stand for no or for many others.
const (
	ok    = "OK"    // the code of a call that succeeded
	other = "other" // an operation that does not exist, a code beyond the greatest number
)

// maxCodes bounds the codes of faults that have a series of their own. Callers cannot make any up.
const maxCodes = 100

func (n *Node) newCalls() {
	n.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "meridian_calls_total", Help: "Calls of the API that this node answered, by operation, by code of the fault (OK: none) and by who sent them: a client, or a node that sent one on.",
	}, []string{"operation", "code", "from"})
	n.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "meridian_call_duration_seconds", Help: "Time in which this node answered clients' calls of the API, whoever decided about them.",
		Buckets: Durations(),
	}, []string{"operation"})
	n.sts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "meridian_sts_calls_total", Help: "Calls of the Security Token Service that this node answered, by operation and code.",
	}, []string{"operation", "code"})
}

// Called counts a call of the API. The operation is empty where there is no such one, the code after success.
func (n *Node) Called(operation, code string, took time.Duration, forwarded bool) {
	if _, known := kmsapi.Lookup(operation); !known {
		operation = other
	}
	code = n.code(code)
	if forwarded {
		n.calls.WithLabelValues(operation, code, "node").Inc()
		return
	}
	n.calls.WithLabelValues(operation, code, "client").Inc()
	n.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// CalledSTS counts a call of the Security Token Service.
func (n *Node) CalledSTS(operation, code string) {
	switch operation {
	case "GetCallerIdentity", "AssumeRole", "GetSessionToken":
	default:
		operation = other
	}
	n.sts.WithLabelValues(operation, n.code(code)).Inc()
}

func (n *Node) code(code string) string {
	if code == "" {
		return ok
	}
	return n.codes.value(code, maxCodes)
}

// bounded keeps the number of values of a label within bounds.
type bounded struct {
	mu   sync.RWMutex
	seen map[string]struct{}
}

// value is v, or other once there are most values.
func (b *bounded) value(v string, most int) string {
	b.mu.RLock()
	_, known := b.seen[v]
	b.mu.RUnlock()
	if known {
		return v
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.seen[v]; !known && len(b.seen) >= most {
		return other
	}
	if b.seen == nil {
		b.seen = make(map[string]struct{})
	}
	b.seen[v] = struct{}{}
	return v
}

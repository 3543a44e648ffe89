package observability

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/region/node/metrics"
)

// How an attempt of the front door at a node ended.
const (
	Answered = "answered"
	Unsent   = "unsent"  // nothing was sent, or the node did nothing with it: another one was tried
	Unknown  = "unknown" // it was sent, and no answer came
)

// Front is the metrics of a front door.
type Front struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	attempts *prometheus.CounterVec
	ready    *prometheus.GaugeVec
}

// NewFront returns metrics that nothing was counted in.
func NewFront(version string) *Front {
	f := &Front{registry: prometheus.NewRegistry()}
	f.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "meridian_front_calls_total", Help: "Calls that the front door answered, by Region (none: it found no Region) and HTTP status.",
	}, []string{"region", "status"})
	f.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "meridian_front_call_duration_seconds", Help: "Time in which the front door answered calls, by Region.",
		Buckets: metrics.Durations(),
	}, []string{"region"})
	f.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "meridian_front_attempts_total", Help: "Calls that the front door passed to a node, by outcome: answered, unsent (another node was tried), unknown (no answer).",
	}, []string{"node", "outcome"})
	f.ready = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "meridian_front_node_ready", Help: "1 if the front door passes calls to the node.",
	}, []string{"node"})
	metrics.Own(f.registry, nil, version).MustRegister(f.calls, f.duration, f.attempts, f.ready)
	return f
}

// Handler serves the metrics.
func (f *Front) Handler() http.Handler { return metrics.Handler(f.registry) }

// Answered counts a call. The Region is empty where none was found; it is one of the cluster's, never the caller's word.
func (f *Front) Answered(region string, status int, took time.Duration) {
	if region == "" {
		region = "none"
	}
	f.calls.WithLabelValues(region, strconv.Itoa(status)).Inc()
	f.duration.WithLabelValues(region).Observe(took.Seconds())
}

// Attempted counts a call that was passed to a node.
func (f *Front) Attempted(node, outcome string) { f.attempts.WithLabelValues(node, outcome).Inc() }

// Ready says whether calls are passed to a node.
func (f *Front) Ready(node string, ready bool) {
	v := 0.0
	if ready {
		v = 1
	}
	f.ready.WithLabelValues(node).Set(v)
}

// Gone says that a node is no longer in the cluster.
func (f *Front) Gone(node string) { f.ready.DeleteLabelValues(node) }

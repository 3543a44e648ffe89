package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"meridian/region"
)

// Identity is whose metrics they are.
type Identity struct {
	Region  string
	Node    string
	Version string // of the program
}

// Node is the metrics of one node.
type Node struct {
	registry *prometheus.Registry
	own      prometheus.Registerer // adds the node's labels

	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	sts      *prometheus.CounterVec
	codes    bounded

	rounds      prometheus.Histogram
	batches     prometheus.Histogram
	commands    *prometheus.CounterVec
	writes      prometheus.Histogram
	writtenLogs prometheus.Counter
}

// New returns metrics that nothing was counted in.
func New(id Identity) *Node {
	n := &Node{registry: prometheus.NewRegistry()}
	n.own = Own(n.registry, prometheus.Labels{"region": id.Region, "node": id.Node}, id.Version)
	n.newCalls()
	n.newLog()
	n.own.MustRegister(n.calls, n.duration, n.sts, n.rounds, n.batches, n.commands, n.writes, n.writtenLogs)
	return n
}

// Own makes a registry say whose metrics it holds, in labels, and adds what is known of every process. What is registered
// with the answer gets the labels too.
func Own(r *prometheus.Registry, labels prometheus.Labels, version string) prometheus.Registerer {
	own := prometheus.WrapRegistererWith(labels, r)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "meridian_build_info", Help: "1, with the version of this program and of Go in its labels.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	info.Set(1)
	own.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return own
}

// Handler serves the metrics.
func (n *Node) Handler() http.Handler { return Handler(n.registry) }

// Handler serves what a registry gathers, and what it could gather where a part of it fails.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// Registry is where the metrics are, for tests and for who has further ones.
func (n *Node) Registry() *prometheus.Registry { return n.registry }

// newLog makes the metrics of the proposer and of the log's disk.
func (n *Node) newLog() {
	n.rounds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "meridian_proposer_round_duration_seconds", Help: "Time of one round of the leader's proposer: commands decided, one record appended and applied.",
		Buckets: Durations(),
	})
	n.batches = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "meridian_proposer_round_commands", Help: "Commands that were decided in one round of the leader's proposer.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 8),
	})
	n.commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "meridian_proposer_commands_total", Help: "Commands that the leader's proposer took, by outcome: logged, answered (refused, or a repeat), failed (the log did not take the record, or it is not known).",
	}, []string{"outcome"})
	n.writes = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "meridian_raft_log_write_duration_seconds", Help: "Time of one synced write of entries to this node's Raft log.",
		Buckets: Durations(),
	})
	n.writtenLogs = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "meridian_raft_log_written_entries_total", Help: "Entries written to this node's Raft log.",
	})
	for _, outcome := range []string{"logged", "answered", "failed"} {
		n.commands.WithLabelValues(outcome)
	}
}

// Decided counts a round of the proposer.
func (n *Node) Decided(r region.Round) {
	n.rounds.Observe(r.Took.Seconds())
	n.batches.Observe(float64(r.Commands))
	if r.Err != nil {
		n.commands.WithLabelValues("failed").Add(float64(r.Commands))
		return
	}
	n.commands.WithLabelValues("logged").Add(float64(r.Appended))
	n.commands.WithLabelValues("answered").Add(float64(r.Commands - r.Appended))
}

// Wrote counts a write to the Raft log.
func (n *Node) Wrote(entries int, took time.Duration) {
	n.writes.Observe(took.Seconds())
	n.writtenLogs.Add(float64(entries))
}

// Durations are the bounds of histograms of time, in seconds: from a part of a millisecond to the time after which callers
// give up.
func Durations() []float64 {
	return []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

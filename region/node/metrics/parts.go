package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"meridian/eventlog/raftlog"
	"meridian/region"
	"meridian/region/audit"
	"meridian/region/keystore"
	"meridian/replication"
)

// Parts are the parts of a node that count by themselves. They are asked when somebody asks for the metrics.
type Parts struct {
	Log    func() raftlog.Stats
	Region func() region.Stats
	Store  func() keystore.Stats
	Audit  func() audit.Stats
	Relay  func() replication.Stats
	Lag    func() []replication.Lag // nil where the node does not lead
	Ready  func() bool
}

// Watch adds the metrics of a node's parts. It is called once.
func (n *Node) Watch(p Parts) {
	n.own.MustRegister(&watcher{parts: p, plain: plain(), perRegion: perRegion(), roles: roles(), members: members()})
}

// reading is what the parts say at one time.
type reading struct {
	log    raftlog.Stats
	region region.Stats
	store  keystore.Stats
	audit  audit.Stats
	relay  replication.Stats
	ready  bool
}

// measure is a metric of a reading.
type measure[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*T) float64
	known func(*T) bool // nil: always
}

// watcher asks the parts.
type watcher struct {
	parts     Parts
	plain     []measure[reading]
	perRegion []measure[replication.Lag]
	roles     *prometheus.Desc
	members   *prometheus.Desc
}

var _ prometheus.Collector = (*watcher)(nil)

// Describe implements prometheus.Collector.
func (w *watcher) Describe(to chan<- *prometheus.Desc) {
	for _, m := range w.plain {
		to <- m.desc
	}
	for _, m := range w.perRegion {
		to <- m.desc
	}
	to <- w.roles
	to <- w.members
}

// Collect implements prometheus.Collector.
func (w *watcher) Collect(to chan<- prometheus.Metric) {
	now := reading{
		log: w.parts.Log(), region: w.parts.Region(), store: w.parts.Store(), audit: w.parts.Audit(), relay: w.parts.Relay(), ready: w.parts.Ready(),
	}
	for _, m := range w.plain {
		m.collect(to, &now)
	}
	for _, lag := range w.parts.Lag() {
		for _, m := range w.perRegion {
			m.collect(to, &lag, lag.To)
		}
	}
	for _, role := range []string{raftlog.RoleLeader, raftlog.RoleFollower, raftlog.RoleCandidate} {
		to <- prometheus.MustNewConstMetric(w.roles, prometheus.GaugeValue, truth(now.log.Role == role), role)
	}
	to <- prometheus.MustNewConstMetric(w.members, prometheus.GaugeValue, float64(now.log.Voters), "voter")
	to <- prometheus.MustNewConstMetric(w.members, prometheus.GaugeValue, float64(now.log.Nonvoters), "nonvoter")
}

func (m *measure[T]) collect(to chan<- prometheus.Metric, from *T, labels ...string) {
	if m.known == nil || m.known(from) {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(from), labels...)
	}
}

func roles() *prometheus.Desc {
	return prometheus.NewDesc("meridian_raft_role", "1 for the role that this node has in its Region's Raft group, 0 for the others.", []string{"role"}, nil)
}

func members() *prometheus.Desc {
	return prometheus.NewDesc("meridian_raft_members", "Members of the Region's Raft group as this node knows it, with a vote and without.", []string{"suffrage"}, nil)
}

// truth is 1 for what is true.
func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

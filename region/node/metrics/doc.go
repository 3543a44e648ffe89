// Package metrics says in numbers, in Prometheus's form, how one node fares: the calls that it answers, its part of the
// Region's log, the proposer, the store, what is owed to other Regions, and the process itself.
//
// It promises that nothing is global: each Node has a registry of its own, so that many fit into one process; that
// the number of series is bounded whatever callers send, for labels take their values from lists (operations of the
// service model, codes of faults, Regions of the cluster); and that no key id, account, name or secret is in a label.
// Counting a call takes well under a microsecond; all that a part of the node counts by itself is read when somebody
// asks for the metrics, and costs nothing otherwise.
//
//	m := metrics.New(metrics.Identity{Region: "eu-west-1", Node: "eu-west-1/2", Version: version})
//	m.Called("Encrypt", "", took, false)
//	m.Watch(metrics.Parts{Log: log.Stats, Store: store.Stats, …})
//	mux.Handle("GET /metrics", m.Handler())
//
// Every name is in cluster/observability/METRICS.md, which a test holds to what is served. It starts no goroutine; a Node
// may be used by many.
package metrics

package node

import (
	"meridian/region/awsjson"
	"meridian/region/node/metrics"
	"meridian/region/sts"
	"meridian/replication"
)

// watchParts lets the metrics ask the node's parts.
func (n *Node) watchParts() {
	n.metrics.Watch(metrics.Parts{
		Log: n.log.Stats, Region: n.region.Stats, Store: n.store.Stats, Audit: n.audit.Stats,
		Relay: n.relay.Stats, Lag: n.relay.Lag, Ready: n.ready,
	})
}

// newRelay makes what carries families to other Regions.
func (n *Node) newRelay(c replication.Config) *replication.Relay {
	n.relay = replication.New(c)
	return n.relay
}

// answered counts a call that this node has answered, and has it recorded.
func (n *Node) answered(o awsjson.Outcome) {
	n.metrics.Called(o.Operation, o.Code, o.Took, o.Call.Forwarded)
	n.noteCall(o)
}

// answeredSTS counts a call of the Security Token Service, and has it recorded.
func (n *Node) answeredSTS(o sts.Outcome) {
	code := ""
	if o.Fault != nil {
		code = o.Fault.Code
	}
	n.metrics.CalledSTS(o.Operation, code)
	n.noteTokenCall(o)
}

// Metrics are this node's metrics.
func (n *Node) Metrics() *metrics.Node { return n.metrics }

// Package fault puts faults on the real connections of a cluster: Raft, forwarding and NATS.
//
// A Layer stands in a node (process or in-process) and wraps what the node dials; the dialing side
// enforces every rule. Processes and tests use the same layer.
package fault

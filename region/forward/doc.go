// Package forward is a node's internal port: one listener that carries Raft and the calls that
// nodes of a Region make to each other.
//
// A connection begins with one byte, 'R' for Raft, 'F' for calls or 'B' for another Region's bus, and a hello that names the
// cluster, the Region, the dialing node and the version of this protocol; a hello that does not fit
// is answered by closing, so that a node of another cluster on a reused port harms nobody. After the
// hello a Raft connection is hashicorp/raft's own, and a call connection is HTTP/1.1. On the bus's lane alone the
// Region may be another one; what speaks there proves which.
//
// The Raft address of a node is the address of this port: who knows the leader knows where to
// forward.
//
// Listen starts one goroutine that accepts and, for each connection, one that reads its hello; Close
// stops them all.
package forward

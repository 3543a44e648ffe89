// Package fault puts faults on the real connections of a cluster: Raft, forwarding and NATS.
//
// A Layer stands in a node (a process, or a node inside a test) and wraps what the node dials; the
// dialing side enforces every rule, the accepting side does nothing. Processes and tests use the same
// layer.
//
// It promises:
//   - A cut is a black hole: nothing is refused and nothing is reset. Bytes written are held (up to a
//     bound, then Write waits as it would on a full socket), bytes that arrive are held, the end of the
//     connection too; a new dial waits until the cut is over or its context ends. Deadlines work all
//     the while. When the cut is over, the held bytes flow in their order.
//   - A delay keeps the order of bytes and does not lower the throughput of a connection.
//   - Without a rule for the other end, a connection costs one atomic load a call.
//
// It does not drop or repeat bytes inside a connection: TCP would never deliver that. Loss and
// duplication act on messages (Fate, for NATS) and reset connections that carry calls (CallDialer).
//
// Use: New once a node, Load and Set before the first dial, Dialer for NATS, CallDialer for Raft and
// forwarding, Fate for each message.
//
// A connection that met a rule has up to two goroutines; they end when the connection is closed. The
// layer has none of its own.
package fault

// Package region is the behaviour of one Region, seen from one of its nodes.
//
// A Region gathers facts (time, ids, random bytes, wrapped material), proposes commands to the log if
// it leads, hands them to the leader if it does not, answers cryptography and reads from its own
// applied state, executes what falls due, and lets the relay carry its families to other Regions.
//
// It promises:
//   - a write answered with success is in the Region's log; a write whose outcome is unknown is tried
//     again under the same de-duplication key, or answered with a retryable fault;
//   - a "no" that staleness could explain is given only after this node has caught up with the leader;
//   - the newest use of a key is in the log a few seconds after it, unless the node that saw it dies
//     before it has reported it: uses are noted in memory, and cryptography never waits for the log.
//
// It decides nothing about keys (keyengine does), stores nothing (keystore does) and speaks no
// protocol (awsjson, forward and natsbus do).
//
// New starts the goroutines of a node's part: one that follows the leadership, one that reports the use
// of keys, and, while this node leads, the proposer, the clock, the due work and the relay. Close stops them all.
package region

// Package raftlog is a Region's ordered log on hashicorp/raft, with raft-boltdb below it.
//
// It promises what eventlog.Log does, and: an entry is on the disks of a majority before Append
// returns; this node claims leadership only after a barrier in that very term, so its state contains
// every entry of earlier terms; a snapshot becomes visible to Raft only when the state machine has
// read it to its end and would take it; and a node whose log is gone, or is shorter than the state
// that was built from it, does not start (ErrLostDisk), because with a forgotten vote or entry it
// could help to lose what others rely on. The first failed write to the log's disk ends the process
// (Config.Fatal): after a failed fsync nobody can say what the disk holds.
//
// It does not know records, stamps or seqs: those are the state machine's. It does not repeat an
// append, and it does not own the transport's listener, though Raft closes the transport at the end.
//
// Use: Open with a transport, give the Log to whoever proposes, Transfer leadership away, Close,
// then close the state machine.
//
// Goroutines: Raft's, one that follows leadership, and one for each call that waits for Raft. Close
// stops them all.
package raftlog

// Package memlog is a model of a Raft group in one process, for tests of what stands on a Log.
//
// It promises what eventlog.Log does, to state machines that are given to it, and it does on command
// what a real group does only now and then: it loses leaders, leaves one that does not know it,
// answers that the outcome is unknown for entries that are there, are not there, or come later, and
// keeps nodes behind. It keeps entries in memory, for ever, and has no snapshots, members or clocks.
//
// Use: New, Elect a node, append on it; the commands of Group change the world from outside. A test
// that wants accidents without naming them sets Chaos.
//
// It starts no goroutines: whatever happens, happens in the call that causes it, and each node's
// state machine has been called when that returns.
package memlog

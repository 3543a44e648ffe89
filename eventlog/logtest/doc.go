// Package logtest holds what tests of the log share: the conformance suite of every eventlog.Log, a
// domain of counters that makes a lost or doubled record visible, and Raft's stores on a file system
// in memory that can lose its power.
//
// Use: call Run from the tests of an implementation. The suite runs in testing/synctest bubbles, so
// the implementation must not make system calls that block.
package logtest

// Package live is the world of real nodes: those of a running cluster, or nodes inside this process.
//
// Both are called over HTTP through a front door, or at a node's own port where a call names one, with Signature V4, as
// any client calls. Both are broken by the same fault layer. They differ in what happens to a process: in a running
// cluster a kill is SIGKILL and a pause is SIGSTOP; a node inside this process is closed in order and cannot pause.
//
// A broker keeps nothing, so wiping it is losing every message that is sent within a moment.
//
//	w := live.Running(c)                              // c is an open cluster
//	w, err := live.InProcess(live.Options{Nodes: 1})  // in a folder of its own
//	defer w.Close()
//
// Running starts no goroutine, InProcess those of the nodes and of the front door; Close ends them, heals what the
// world broke, starts what it killed, and leaves the time where it is.
package live

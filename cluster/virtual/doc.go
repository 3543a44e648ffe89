// Package virtual is a world of Regions in virtual time, in one goroutine: the same scenario and the same seed give
// the same history.
//
// A Region is what a node runs (package region with its proposer, the engine, the codec, the store) on a modelled log
// that loses leaders and keeps nodes behind on command. Between Regions there is a bag of messages in place of the
// relay and the broker: records and statuses that the state owes, each with its delay, lost where a link is cut when it
// arrives. It plays the protocol as package replication does, without envelopes, signatures and sealing; key material
// is unwrapped where it leaves and wrapped anew where it arrives.
//
// Time goes on in Pass, a tick at a time, and in Advance. A call takes none, unless it waits for a leader.
//
//	w, err := virtual.New(virtual.Options{Seed: 1, Regions: []string{"us-east-1", "eu-west-1"}, Nodes: 3})
//	defer w.Close()
//
// New starts goroutines in the stores alone; Close ends them.
package virtual

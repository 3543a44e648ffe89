// Package sim searches for histories that break the cross-Region protocol.
//
// A seed decides everything: what callers and operators ask, which messages are lost, repeated,
// delayed and reordered, which links are cut in which direction, which Regions are down, when a
// broker loses all it has, and when a message comes without its secrets. After a phase of faults
// all is healed and the world must settle. Invariants are checked after every step; see Invariant.
//
// A Region is one atomic log here, which is what its Raft group provides. The protocol is the one
// that a node runs, keyengine/family, unchanged: Decide, Evolve, Obligations. What surrounds it,
// that is messages, secrets, answers, is played by this package.
//
// It does not look at what happens inside a Region, or at forged messages. Aliases, policies, tags and
// grants are in its tests alone, where the engines of all Regions decide the messages of its histories.
//
//	report := sim.Run(sim.Options{Seeds: 10000})
//	for _, f := range report.Failures { sim.Trace(f.Seed, opts, os.Stdout) }
//
// Run starts Options.Workers goroutines and waits for them. A seed is one goroutine's work and
// repeats exactly.
package sim

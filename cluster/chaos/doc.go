// Package chaos breaks a running cluster while clients use it, and judges afterwards what they saw.
//
// A Schedule says which faults come when; Draw makes one of a seed, ParseSchedule reads one. The calls of each client are
// drawn of the seed as well. Both are functions of values: the same seed gives the same faults and the same calls. How many
// of the calls are made in the time, and what they answer, is the cluster's.
//
//	c, end, err := chaos.Own(ctx, chaos.Place{…})  // or the cluster of somebody: cluster.Open
//	defer end()
//	report, err := chaos.Run(ctx, c, chaos.Options{Seed: 7, For: time.Minute})
//	err = report.WriteHTML(file)
//
// A run makes keys, puts them under load and faults, heals everything, waits until the Regions agree, and asks the judges
// of cluster/check, and its own: decryption never stops where a Region has its majority (decrypt loop), the Regions agree in
// time (settled), and the event log of every node leads to what it holds (logs).
// Invariants reads the Regions' logs meanwhile; a further Auditor may watch beside it.
//
// It promises that a run which ends leaves no fault in force and every node running, also when it was broken off; that
// every fault is in the report with the time at which it was really in force; and that a report holds no key material. It
// does not undo what a run did: keys stay, and Region time that was moved ahead stays there.
//
// Run starts goroutines for its clients, faults and samples; they have ended when it returns.
package chaos

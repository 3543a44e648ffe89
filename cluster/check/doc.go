// Package check judges histories of a cluster's clients.
//
//	h, err := history.Read(file)
//	for _, v := range check.All(h, check.Options{}) {
//		fmt.Println(v)
//	}
//
// Linearizable: in each Region, the writes and the strong reads of a key, an alias or a grant happened in one order that
// fits what every client was told and when (with porcupine). Sessions: no client reads less than it wrote or read before.
// Fresh: what the levels promise about age is kept, and how old answers were. Decrypts: what was encrypted decrypts to
// the same, everywhere. Converged: after the mark quiet, all Regions say the same of a multi-Region key.
//
// A verdict that finds a violation carries the smallest part of the history that it could find in which the violation is
// still there. A judge is silent about what it cannot know: an outcome that is unknown to the client may be either, a key
// that is older than the history may be in any state, and states of multi-Region keys that change by themselves are the
// business of an auditor that reads the Regions. The package is pure but for the time that a search may take.
package check

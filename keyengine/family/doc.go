// Package family is the cross-Region protocol of multi-Region keys, as pure functions.
//
// All related keys of one key id form a family. Exactly one Region, the primary, may write the
// family's Record; the right to write is a token that moves inside the record itself. Every other
// member reports to the primary with a Status. Both are level-triggered and idempotent: messages may
// be lost, repeated, delayed and reordered for ever, and safety needs none of them to arrive.
//
//	events, err := family.Decide(here, local, command)
//	for _, e := range events { family.Evolve(here.Region, local, e) }
//
// Decide never changes its arguments. Evolve only assigns: all rules are in Decide, so that an old
// log reads the same under new rules. What must be sent to whom is not an effect but a function of
// the state: Obligations.
//
// The rules R1 to R12, R14 and R15, the invariants and the planted defects are described in DESIGN.md
// beside this file and checked by cluster/sim. There are no goroutines here, no clock and no chance.
package family

// Package scenario plays stories about multi-Region keys, written as text, in any world.World: on a running cluster,
// on nodes in this process, or in virtual time.
//
// A scenario is a list of steps: calls with what is expected of their answers, faults, acts on processes, and waits
// for a condition. It never sleeps. DESIGN.md is the reference of the language; Library holds the scenarios that come
// with the program.
//
// It promises that a word it does not know is refused before anything runs, with the line and what may be meant; that
// a scenario which needs what a world cannot do is skipped with the reason, and not passed; and that a step which is
// not as expected ends the scenario with the line and what came instead. It decides nothing about keys.
//
//	s, err := scenario.Parse("my.txt", text)
//	report := scenario.Run(ctx, s, someWorld, out)
//
// Run starts no goroutine; a world may, for what a scenario does meanwhile.
package scenario

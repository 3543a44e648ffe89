//go:build mutants

package family

import "sync/atomic"

var planted atomic.Value // a Mutant; in builds with the tag alone

func mutant(m Mutant) bool {
	on, _ := planted.Load().(Mutant)
	return on == m
}

// Plant switches a defect on, and the one before off. The empty name switches all off.
func Plant(m Mutant) { planted.Store(m) }

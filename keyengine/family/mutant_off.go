//go:build !mutants

package family

// mutant reports whether a planted defect is switched on. Without the build tag it is a constant,
// and the compiler removes every planted defect.
func mutant(Mutant) bool { return false }

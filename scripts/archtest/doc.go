// Package archtest holds the architecture: what may import what, what the pure packages must not do, and
// what every package owes its reader.
//
// The rules read source files, not compiled packages, so they also see files behind build tags. Each rule is a
// function from a Tree to the places where it is broken; the test runs all of them over the project, and each of
// them over a small wrong example, so that a rule that finds nothing is known to be able to find something.
//
// A new package must be entered in the table of floors.go. The rules do not know types: what only a type checker
// can see (a map ranged over, a variable changed elsewhere) is left to review.
package archtest

// Package keyengine is the deterministic model of one Region's keys: what a command means, what it
// may do, and what is true after it.
//
// A command is decided once, on the Region's leader, against a View of the state; its events go to
// the log, and every node evolves them. Decide never changes the state it sees, Evolve cannot fail,
// and neither looks at a clock, at randomness or at anything but its arguments:
//
//	decision, err := keyengine.Decide(view, facts, command)
//	for _, e := range decision.Events {
//		keyengine.Evolve(writer, place, e)
//	}
//
// The state is rows of bytes (package rows). What all members of a multi-Region key share, and the
// key's state, is a family.Local in the row f/; what belongs to this Region alone (description,
// policy, tags, aliases, grants) is in the rows k/, a/ and g/. Single-Region keys use the same machine with one
// member. The indexes o/ and t/ and the count of keys follow f/ in one function, putFamily.
//
// Errors of callers are *kmsapi.Fault. The package does not authorize beyond one rule: a caller
// reaches the keys of its own account. It starts no goroutines; a View is as safe for concurrent use
// as the rows behind it.
package keyengine

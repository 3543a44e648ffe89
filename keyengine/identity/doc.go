// Package identity says who may call: accounts, users, groups, roles, services, their access keys and the policies
// that hold for them, as an identity file names them.
//
// It promises that a [Directory] is whole: every name in it leads somewhere, every policy is well formed, no access
// key belongs to two, and no chain of roles trusts itself. What is wrong with a file is told with its line, and
// without a secret. A [Caller] is a value: who called, with all policies that hold for it, fit to be a fact of a
// decision. A [Session] is what a session token says; the same package reads and writes it, and whoever seals it
// keeps it from being made up.
//
// It does not verify signatures, keep files, seal tokens or evaluate policies, and knows no clock: who needs the
// time passes it.
//
//	d, err := identity.Parse(text)
//	for id, known := range d.AccessKeys("aws") { … known.Secret, known.Caller … }
//	session, fault := d.AssumeRole(caller, request, now, allow)
//
// The package is pure and starts no goroutine; a Directory is not changed after Parse and may be used by many.
package identity

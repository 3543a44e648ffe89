// Package auditor judges what the Regions of a cluster did by what their event logs say.
//
// It evolves every key of every Region as the Regions do, and holds each decision to the invariants of the cross-Region
// protocol: those that one log shows by itself, and those that take several, such as that two records of one version are
// equal, that a status which a primary believed was one that the member had, or that a material became current only when
// every member held it. The invariants bear the names that cluster/sim gives them.
//
//	a := auditor.New()
//	a.Begin("us-east-1") // before its log is read, from where the last reading ended
//	err := a.Take("us-east-1", seq, record)
//	a.End("us-east-1")   // it was read to its end
//	report := a.Report()
//
// There is no clock that all logs share, so what one Region says of another is a claim: it is judged when it holds, or
// when the other log was read to its end after the claim was made. Claims that nobody could judge are counted as open. It
// promises to be silent where an operator was wrong on purpose (both sides of a split fenced each other) and where a
// Region forgot a part of its history (a later life), about what was lost by that.
//
// What callers were told is the business of cluster/check; whether a node's state is what its log leads to, of
// `meridian verify`. Nothing here reads a log by itself. An Auditor belongs to one goroutine at a time and starts none.
package auditor

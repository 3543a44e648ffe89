// Package timeline merges the event logs of Regions, and the messages between them, into one history in the order of
// causes, and draws it: as a space-time diagram in text, as a Mermaid sequence diagram, as a ShiViz log.
//
// Messages are in no log. But a version of a family's record has one writer, so whoever accepted it was told by that
// write, and a status has its sender's number: each event that came from another Region names the event there that
// caused it. The order is that of the Regions' logs and of these messages; where it leaves a choice, Region time
// decides, which each Region has for itself.
//
//	m := timeline.New("us-east-1", "eu-west-1")
//	m.Push(e)                              // events of each Region in the order of its log
//	for { entry, ok := m.Next(timeline.Whole) … }
//
// The package is pure: it has no clock, and starts no goroutine. A Merger, a Diagram and a writer of an export are for
// one goroutine each. Events are data of other processes: what cannot be read in them is shown as a local event.
package timeline

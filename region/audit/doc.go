// Package audit keeps a node's record of the calls that it answered, in the form of CloudTrail: one JSON object a line.
//
// It promises that answering a call never waits for it: Note puts a call into a bounded queue, one goroutine makes the
// records and writes them. No secret gets into a record: members of requests and answers are recorded if they are on a
// list, blobs never are, and a text that is withheld is taken out of error messages, too. Files are numbered, bounded in
// size and in number; a reader finds whole lines.
//
// The loss rule: what does not fit into the queue, or cannot be written, is dropped, counted, and the count is itself
// recorded (AuditRecordsLost) as soon as there is room. A process that dies takes what is in its queue with it, which is
// what it answered in the last moments; a machine that loses power takes what its system had not written to the disk,
// for the files are not synced. Files beyond the greatest number are removed, oldest first.
//
// It does not decide which calls are noted: the node does, so that one call is recorded by one node. It knows neither
// the log of events nor other nodes.
//
//	l, err := audit.Open(audit.Config{Dir: dir, Region: "eu-west-1", Node: "eu-west-1/2", NewID: uuid.NewString})
//	l.Note(audit.Call{…})
//	defer l.Close()
//
// Reader reads what was written, also while it is being written. A Log may be used by many goroutines, a Reader by one.
package audit

// Package keystore is the state of a Region on one node: rows in a Pebble database, and the
// eventlog.StateMachine that brings them there.
//
// It promises: the rows of a record, the record itself and the applied position reach the database
// in one atomic batch, so a restart goes on exactly where the database stands, whatever the disk had
// kept of it; a snapshot is durable here before anybody may truncate the log below it; a restore
// shows all of the new state or none of it; and no read or write error of the disk ever becomes an
// answer, because the first one ends the process (Config.Fatal). Every record is chained to the one
// before it, and a digest over the state rows is carried along, so that two nodes can compare
// themselves by one number and Verify can tell a changed byte.
//
// It does not know what the rows mean: a Domain, given at Open, decodes records and evolves rows.
// It does not sync on apply either; the Raft log does, and replays what a crash took from here.
//
// Use: Open, hand the Store to a Log, read through Get and Scan (newest state, each call by itself)
// or through a View (one frozen state). Close it after the Log is closed and the Views are.
//
// Goroutines: those of Pebble, which Close stops. Config.OnApply is called by the goroutine that
// applies.
package keystore

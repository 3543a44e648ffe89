// Package sdktest is the suite of AWS's SDK for Go: its client, as a program has it, against real nodes over real HTTP.
//
// It is complete by construction. What must have happened is computed from the service model: every operation
// answered, every error of every operation provoked, every member of an input given, every member of an output seen,
// every value of an enumeration used. What did happen is written down by a recorder inside the client. The difference
// must be what the tables in impossible_test.go say, with a reason each; the errors among it are published in
// keyengine/ERRORS.md, which the suite holds against the table.
//
// One cluster of three Regions, one of them in China, serves all cases at once. A second one is slow and is then cut
// off, for the faults of a service that cannot answer.
//
// There is nothing here but tests.
package sdktest

// Package e2e tests Meridian as its users meet it: the program, its processes, the AWS SDK and the AWS CLI.
//
// It holds nothing but tests. They build the program, start one cluster of three Regions with three nodes each
// on free ports of the loopback interface, and share it. A test that breaks something mends it before it ends;
// where that fails, the cluster is thrown away and the next test starts another. Waiting is always for an
// observed change, never for a time.
//
// What a test sees of the cluster is its command line and its endpoints; only the search for key material in the
// data folder (secrets_test.go) opens files.
package e2e

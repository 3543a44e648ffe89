// Package sessions knows the access keys of a cluster: those of its identity file, those of development, and those of
// sessions, which are in no file but in the token that comes with them.
//
// It promises that a changed identity file is in force within a second of its being whole, that one that is wrong
// changes nothing and is said in the log and in [Keeper.State], and that a session token is good in every Region until
// it expires or what it stands for is gone from the file, and cannot be made up: it is sealed under a key that the
// nodes of the cluster share and nobody else has. No secret is ever in a log line or an error.
//
// It does not decide what a caller may do, nor speak HTTP.
//
//	k, err := sessions.Open(sessions.Config{File: path, Seal: key, Partition: "aws", …})
//	known, err := k.Find(accessKeyID, token, time.Now())	// for the verifier of signatures
//	go k.Watch(ctx)
//
// A Keeper may be used by many goroutines; Watch is the one that reads the file.
package sessions

// Package history holds what clients saw: every call with its start, its end and what it said, in the order of their ends.
//
// A Recorder writes one JSON object a line, through the AWS SDK's middleware or for a server that sees both sides of a
// call. It promises that no plaintext, ciphertext or grant token gets into a history: they are named by a keyed hash whose key
// the recorder forgets, which is enough to see that two of them are equal. A History that was read is what the judges of
// cluster/check judge. The package does not judge, and knows no cluster.
//
//	rec, err := history.NewRecorder(file, history.Header{Seed: 7})
//	client := kms.New(kms.Options{ …, APIOptions: []func(*middleware.Stack) error{
//		rec.Middleware(history.Client{Name: "c1", Region: "us-east-1", Level: "strong"}),
//	}})
//	…
//	err = rec.Close()
//	h, err := history.Read(file)
//
// A Recorder may be used by several goroutines. It starts none.
package history

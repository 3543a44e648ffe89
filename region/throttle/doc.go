// Package throttle limits how often callers may call, as AWS KMS's request quotas do: by account, Region and operation,
// with one pool for the cryptography of each kind of key.
//
// A Profile says what the rates are: those of AWS, those of a file, or none. A Limiter holds a token bucket for each
// account and quota; a bucket holds a second's worth, at least one. It promises a ThrottlingException in AWS's words once
// a bucket is empty, and bounded memory whatever accounts call.
//
// A Limiter belongs to one node and knows nothing of others. What changes state is decided by one node of a Region, its
// leader, and is counted there with the whole rate: Admit. What any node answers is counted where it comes in, with this
// node's share of the rate: AdmitShare. Nodes agree on nothing for it, and a Region never lets more pass than its quota.
//
//	l := throttle.New(profile, 3, time.Now)
//	if fault := l.Admit(account, op, in); fault != nil { … }
//
// It starts no goroutine; a Limiter may be used by many.
package throttle

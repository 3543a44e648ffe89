// Package codec turns a Region's events and log entries into bytes and back.
//
// Each type of event has a number that never changes and a version of its body. The bytes are
// canonical: the same event has the same bytes on every node. What was ever written can be read for
// ever; golden files hold one example of each type and version. A type or version that this build
// does not know is an *UnknownError: a node that meets one in its log has to stop, because it cannot
// know what its peers did with it.
//
// All decoders are strict and bounded; they never panic on hostile bytes. The package starts no
// goroutines.
package codec

// Package keyview compares what Regions know about a key, or what one Region knew about it at two points of its past,
// and shows it to people.
//
// A difference between Regions is one of two kinds. What the members of a family share has one writer, the primary, and
// a version: members that differ there must agree in the end, and the one of the lower version is behind. Members of
// one version that differ break a promise; Regions calls that a violation. Everything else is each Region's own and may
// differ for ever.
//
//	c := keyview.Regions(states)
//	err := c.Write(os.Stdout, false)
//
// The package is pure: it asks nobody and starts no goroutine.
package keyview

//go:build !nextlevel

package codec

// raises are the versions of events that came with feature levels above the first, the oldest first. There are none yet.
func raises() []raise { return nil }

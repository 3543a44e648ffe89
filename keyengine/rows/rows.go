// Package rows is the store that the key engine thinks in: ordered rows of bytes.
//
// Everything a Region knows is a row. The engine reads rows through a Reader and changes them
// through a Writer; what stands behind is a Pebble batch in a node, a Memory in the simulation and
// in tests, an Overlay where a proposer decides a batch of commands that is not in the log yet.
//
// No method returns an error. A store that fails has nothing to offer that would be safe to go on
// with: an implementation over a disk stops the process instead (fail-stop), it never answers "not
// found" for "could not read".
//
//	var m rows.Memory
//	trial := rows.NewOverlay(&m)	// what is put here leaves m alone
//	for key, value := range trial.Scan([]byte("k/"), nil) { … }
//
// Package rowstest holds the tests of every implementation. No implementation here starts goroutines
// or may be used by two at once.
package rows

import "iter"

// A Reader reads rows.
type Reader interface {
	// Get returns the value of key. The caller must not change it.
	Get(key []byte) (value []byte, ok bool)
	// Scan yields the rows whose key has the prefix and is greater than after (nil: all), in key
	// order. Keys and values must not be changed and are valid only until the next step.
	//
	// The row just yielded may be put or deleted. Whether a scan sees other changes that are made
	// while it runs is not said: collect the keys first.
	Scan(prefix, after []byte) iter.Seq2[[]byte, []byte]
}

// A Writer also changes rows. Its own reads see its changes.
type Writer interface {
	Reader
	// Put sets the value of key. The Writer keeps both slices.
	Put(key, value []byte)
	// Delete removes key; an absent key is no error.
	Delete(key []byte)
}

package keystore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// First bytes of the keys. The six of digested make up the state that nodes compare; the rest
// follows from it, or must stay out of a digest.
const (
	digested  = "kagfdc" // keys, aliases, grants, families, replies, counters and peers
	events    = 'e'      // the event log
	secrets   = 'm'      // wrapped material
	duties    = 'o'      // obligations, computed from families
	dueRows   = 't'      // due dates, computed from families
	poison    = 'q'      // messages that could not be used
	metaRows  = 'x'      // of this store; the only rows that a snapshot carries in its header instead
	evolvable = digested + "motq"
	carried   = evolvable + "e" // by a snapshot
)

// Bounds of a row, for what arrives in a snapshot.
const (
	maxKey   = 4 << 10
	maxValue = 8 << 20
)

// has tells whether key has the form <one of prefixes>/….
func has(prefixes string, key []byte) bool {
	return len(key) > 2 && key[1] == '/' && strings.IndexByte(prefixes, key[0]) >= 0
}

func metaKey() []byte { return []byte("x/meta") }

func eventKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("e/"), seq)
}

func eventSeq(key []byte) (uint64, error) {
	if len(key) != 10 || !bytes.HasPrefix(key, []byte("e/")) {
		return 0, fmt.Errorf("key %x is not of an event row", key)
	}
	return binary.BigEndian.Uint64(key[2:]), nil
}

// SecretKey is the key of the row that holds a wrapped material.
func SecretKey(id [32]byte) []byte { return append([]byte("m/"), id[:]...) }

// end is the least key that is greater than every key with the prefix; nil: there is none.
func end(prefix []byte) []byte {
	e := bytes.Clone(prefix)
	for i := len(e) - 1; i >= 0; i-- {
		if e[i]++; e[i] != 0 {
			return e[:i+1]
		}
	}
	return nil
}

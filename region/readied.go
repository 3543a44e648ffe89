package region

import (
	"strconv"
	"sync"

	"meridian/keyengine"
)

// readiedBytes bounds what is kept of keys that are ready for decisions.
const readiedBytes = 64 << 20

// readiedCache keeps keys made ready for decisions: to parse a policy takes longer than to decide by it.
// What is kept is compared with the key's row each time, so nothing has to be dropped when a key changes.
type readiedCache struct {
	mu   sync.RWMutex
	size int
	keys map[keyengine.Ref]*keyengine.Readied
}

// ready returns a key made ready.
func (c *readiedCache) ready(ref keyengine.Ref, row []byte) *keyengine.Readied {
	c.mu.RLock()
	kept := c.keys[ref]
	c.mu.RUnlock()
	if kept != nil && kept.Of(row) {
		return kept
	}
	fresh := keyengine.ReadyKey(row)
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.keys[ref]; old != nil {
		c.size -= old.Size()
	}
	if c.keys == nil || c.size+fresh.Size() > readiedBytes {
		c.keys, c.size = map[keyengine.Ref]*keyengine.Readied{}, 0
	}
	c.keys[ref] = fresh
	c.size += fresh.Size()
	return fresh
}

// pcrName is a register of an attestation document as condition keys name it.
func pcrName(i uint64) string { return "pcr" + strconv.FormatUint(i, 10) }

package region

import (
	"strconv"
	"sync"

	"meridian/keyengine"
)

// readiedBytes bounds what is kept of keys that are ready for decisions.
const readiedBytes = 64 << 20

// readiedCache keeps keys made ready for decisions: to read a key's row takes longer than to decide by it, and to parse
// a policy many times as long. A record that changes the row drops what was made of it.
type readiedCache struct {
	mu      sync.RWMutex
	size    int
	dropped uint64 // how often something was dropped
	keys    map[keyengine.Ref]readied
}

// readied is a key made ready. Only if it is sure was it made of the row that the newest state has.
type readied struct {
	key  *keyengine.Readied
	sure bool
}

// get returns what is kept of a key, and what put needs to keep what was read after get.
func (c *readiedCache) get(ref keyengine.Ref) (r readied, asOf uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.keys[ref], c.dropped
}

// put keeps what was made of a row read after the get that returned asOf, unless something was dropped since: it may
// have been this.
func (c *readiedCache) put(ref keyengine.Ref, r readied, asOf uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped != asOf {
		return
	}
	c.forget(ref)
	size := r.key.Size()
	if c.keys == nil || c.size+size > readiedBytes {
		c.keys, c.size = map[keyengine.Ref]readied{}, 0
	}
	c.keys[ref] = r
	c.size += size
}

// drop forgets a key.
func (c *readiedCache) drop(ref keyengine.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	c.forget(ref)
}

// clear forgets all keys.
func (c *readiedCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	c.keys, c.size = nil, 0
}

func (c *readiedCache) forget(ref keyengine.Ref) {
	if old, ok := c.keys[ref]; ok {
		c.size -= old.key.Size()
		delete(c.keys, ref)
	}
}

// pcrName is a register of an attestation document as condition keys name it.
func pcrName(i uint64) string { return "pcr" + strconv.FormatUint(i, 10) }

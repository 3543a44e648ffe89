package region

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"meridian/keyengine"
)

const (
	// grantBytes bounds what the indexes of grants take.
	grantBytes = 64 << 20
	// listBytes is what an index takes beside its grants, and maxNotedGrants how many changes of one are noted before it
	// is dropped: nobody may have asked for a while.
	listBytes      = 768
	maxNotedGrants = 4096
)

// grantCache keeps indexes of the grants of a key to a grantee, for those who ask. A grant that is made or ended is noted,
// and read by the next who asks: an index is read as a whole only once.
type grantCache struct {
	mu    sync.RWMutex
	size  int
	lists map[string]*grantList // by how their rows begin
}

// grantList is the index of the grants of one key to one grantee.
type grantList struct {
	mu    sync.RWMutex
	index *keyengine.GrantIndex // nil: yet to be read
	size  int                   // as the cache counts it; held by the cache's lock

	notes   sync.Mutex
	changed map[string]struct{} // grants that were made or ended since the index was brought up to date
}

// fitting yields the ids of grants that may fit. Renew adds to an index, which may be new, what it lacks.
func (c *grantCache) fitting(prefix string, ask keyengine.Fit, renew func(string, *keyengine.GrantIndex, []string)) iter.Seq[string] {
	return func(yield func(string) bool) {
		l := c.list(prefix)
		l.mu.RLock()
		if !l.current() {
			l.mu.RUnlock()
			c.renew(prefix, l, renew)
			l.mu.RLock() // what changes from here on changes while the call is answered
		}
		defer l.mu.RUnlock()
		l.index.Fitting(ask)(yield)
	}
}

// list returns the list with the prefix, which takes note of changes from now on.
func (c *grantCache) list(prefix string) *grantList {
	c.mu.RLock()
	l := c.lists[prefix]
	c.mu.RUnlock()
	if l != nil {
		return l
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l = c.lists[prefix]; l == nil {
		l = &grantList{changed: map[string]struct{}{}}
		if c.lists == nil {
			c.lists = map[string]*grantList{}
		}
		c.lists[prefix] = l
	}
	return l
}

// current reports whether the index is read and nothing changed since. The caller holds the list's lock.
func (l *grantList) current() bool {
	l.notes.Lock()
	defer l.notes.Unlock()
	return l.index != nil && len(l.changed) == 0
}

// renew brings a list up to date.
func (c *grantCache) renew(prefix string, l *grantList, renew func(string, *keyengine.GrantIndex, []string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes.Lock() // before the rows are read: what changes later is noted again
	changed := slices.Collect(maps.Keys(l.changed))
	clear(l.changed)
	l.notes.Unlock()
	index := l.index
	if index == nil {
		index = new(keyengine.GrantIndex)
	}
	renew(prefix, index, changed)
	l.index = index
	c.resize(prefix, l, listBytes+len(prefix)+index.Size())
}

// resize counts what a list takes, and drops all others where that is too much together.
func (c *grantCache) resize(prefix string, l *grantList, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists[prefix] != l { // dropped meanwhile
		return
	}
	if c.size += size - l.size; c.size > grantBytes {
		clear(c.lists)
		c.lists[prefix], c.size = l, size
	}
	l.size = size
}

// changed notes that a grant was made or ended.
func (c *grantCache) changed(prefix, id []byte) {
	c.mu.RLock()
	l := c.lists[string(prefix)]
	c.mu.RUnlock()
	if l == nil {
		return
	}
	l.notes.Lock()
	l.changed[string(id)] = struct{}{}
	n := len(l.changed)
	l.notes.Unlock()
	if n > maxNotedGrants {
		c.drop(prefix)
	}
}

// drop forgets a list. Who asks it at the moment asked before the change that was one too many.
func (c *grantCache) drop(prefix []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.lists[string(prefix)]; l != nil {
		c.size -= l.size
		delete(c.lists, string(prefix))
	}
}

// clear forgets all lists.
func (c *grantCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists, c.size = nil, 0
}

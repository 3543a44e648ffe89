package sim

import "meridian/keyengine/family"

// Watcher is told what the Regions of a seed's history do, in the order in which they do it.
type Watcher interface {
	// Decided: a command had events in a Region, at a time in ms since 1970 UTC.
	Decided(region string, at int64, keyID string, c family.Command, events []family.Event)
	// BackedUp: the Region's state was kept; the last one kept is what comes back.
	BackedUp(region string)
	// Restored: the Region forgot all that it did since then and began a life.
	Restored(region string, life uint64)
}

// nobody is the Watcher of a history that nobody watches.
type nobody struct{}

func (nobody) Decided(string, int64, string, family.Command, []family.Event) {}
func (nobody) BackedUp(string)                                               {}
func (nobody) Restored(string, uint64)                                       {}

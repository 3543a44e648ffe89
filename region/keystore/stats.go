package keystore

import (
	"sync/atomic"
	"time"
)

// Stats is how a store fares. Counts are since Open.
type Stats struct {
	Seq     uint64        // of the newest record
	Entries uint64        // applied, those that only moved the position included
	Batches uint64        // committed
	Applied time.Duration // spent on applying them

	DiskBytes       uint64 // tables, the write-ahead log and what waits to be removed
	WALBytes        uint64
	MemTableBytes   uint64
	TableFiles      uint64
	TopFiles        uint64 // tables of the first level, which every read must look at
	ReadAmp         int
	Flushes         uint64
	Compactions     uint64
	CompactionBytes uint64 // written by them
	CacheBytes      uint64
	CacheHits       uint64
	CacheMisses     uint64
}

// tallies are the counts behind Stats.
type tallies struct {
	entries, batches atomic.Uint64
	spent            atomic.Int64 // ns
}

// applied counts a call of Apply.
func (t *tallies) applied(entries int, took time.Duration) {
	t.entries.Add(uint64(entries))
	t.spent.Add(int64(took))
}

// Stats returns how the store fares now; after Close, only what it has counted itself.
func (s *Store) Stats() Stats {
	out := Stats{
		Seq: s.Meta().Seq, Entries: s.tallies.entries.Load(), Batches: s.tallies.batches.Load(),
		Applied: time.Duration(s.tallies.spent.Load()),
	}
	g := s.current.Load()
	if !g.take() {
		return out
	}
	defer g.drop()
	m := g.db.Metrics()
	out.DiskBytes, out.WALBytes, out.MemTableBytes = m.DiskSpaceUsage(), m.WAL.Size, m.MemTable.Size
	for i := range m.Levels {
		out.TableFiles += uint64(m.Levels[i].TablesCount)
		out.CompactionBytes += m.Levels[i].TableBytesCompacted
	}
	out.TopFiles, out.ReadAmp = uint64(m.Levels[0].TablesCount), m.ReadAmp()
	out.Flushes, out.Compactions = uint64(m.Flush.Count), uint64(m.Compact.Count)
	out.CacheBytes, out.CacheHits, out.CacheMisses = uint64(m.BlockCache.Size), uint64(m.BlockCache.Hits), uint64(m.BlockCache.Misses)
	return out
}

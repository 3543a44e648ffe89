package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/keyengine/rows"
)

// Origin is the beginning of another history of the same records: of a Region that lost its majority, or that
// came from a backup.
type Origin struct {
	ClusterID string // empty: as it was
	Life      uint64 // 0: as it was
	// Seq and At are where the history ends: the last record, and Region time in ms; 0: it does not end there. A time
	// before the first record leads to an empty state.
	Seq    uint64
	At     int64
	Domain Domain
	// Look, if set, is shown the rows of the state before it is written.
	Look func(rows.Reader)
}

// Rewritten is what Rewrite did.
type Rewritten struct {
	From Meta // of the snapshot that was read
	Meta Meta // of the one that was written
	// Lost are materials that the state demands at the point and that were deleted after it: deleted is deleted.
	Lost [][32]byte
}

// Inspect reads a snapshot of any Region to its end, and returns what it holds if all of it is right: frames, sums,
// the chain and the digest. An error says at which byte it is not.
func Inspect(r io.Reader) (Meta, error) {
	in, err := newStreamReader(r)
	if err != nil {
		return Meta{}, fmt.Errorf("read snapshot: %w", err)
	}
	if err := newAudit(in.header.Meta).read(in, func([]byte, []byte) error { return nil }); err != nil {
		return Meta{}, fmt.Errorf("read snapshot: in the frame at byte %d: %w", in.at, err)
	}
	return in.header.Meta, nil
}

// Rewrite reads a snapshot and writes one of the state that its event log leads to, up to the point that o names, under
// the cluster and the life of o. Every record is evolved again, and must lead to the digest that was stored with it. It
// works in scratch, which must not exist and is removed.
func Rewrite(in io.Reader, scratch string, o Origin, out io.Writer) (done Rewritten, err error) {
	defer func() { // reads fail by a panic here, as under Verify
		if p := recover(); p != nil {
			f, ok := p.(unreadable)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("rewrite state: %w", f.err)
		}
	}()
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return Rewritten{}, fmt.Errorf("rewrite state: %w", err)
	}
	defer os.RemoveAll(scratch) // nothing of it is needed
	w := rewriter{origin: o, front: frontOf(o.Domain)}
	if err := w.run(in, scratch, out); err != nil {
		return Rewritten{}, fmt.Errorf("rewrite state: %w", err)
	}
	return w.Rewritten, nil
}

// rewriter evolves the records of one database into another.
type rewriter struct {
	Rewritten
	origin Origin
	old    *pebble.DB
	new    *pebble.DB
	front  *front // of the new one's queue
}

func (w *rewriter) run(in io.Reader, scratch string, out io.Writer) (err error) {
	stream, err := newStreamReader(in)
	if err != nil {
		return err
	}
	if err := knows(w.origin.Domain, stream.header.Feature); err != nil {
		return err
	}
	for name, db := range map[string]**pebble.DB{"old": &w.old, "new": &w.new} {
		if *db, err = openScratch(vfs.Default.PathJoin(scratch, name)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, (*db).Close()) }()
	}
	if err := fill(w.old, stream); err != nil {
		return fmt.Errorf("in the frame at byte %d: %w", stream.at, err)
	}
	w.From = stream.header.Meta
	w.begin()
	if err := w.replay(); err != nil {
		return err
	}
	if err := w.carry(); err != nil {
		return err
	}
	if o := w.origin; o.Look != nil {
		o.Look(reader{w.new, unread})
	}
	return w.stream(out)
}

func openScratch(dir string) (*pebble.DB, error) {
	return pebble.Open(dir, &pebble.Options{
		MemTableSize: 16 << 20, Logger: quiet{}, FormatMajorVersion: pebble.FormatTableFormatV6,
	})
}

// begin makes the position before the first record of the new history.
func (w *rewriter) begin() {
	w.Meta = Meta{ClusterID: w.From.ClusterID, Region: w.From.Region, Life: w.From.Life}
	if w.origin.ClusterID != "" {
		w.Meta.ClusterID = w.origin.ClusterID
	}
	if w.origin.Life != 0 {
		w.Meta.Life = w.origin.Life
	}
	w.Meta.Chain = ChainStart(w.Meta.ClusterID, w.Meta.Region, w.Meta.Life)
}

// replay evolves the records up to the point.
func (w *rewriter) replay() error {
	o := w.origin
	for e := range (reader{w.old, unread}).events(0) {
		record, err := o.Domain.Decode(e.Record)
		if err != nil {
			return fmt.Errorf("record %d: %w", e.Seq, err)
		}
		if o.Seq > 0 && e.Seq > o.Seq || o.At > 0 && record.At > o.At {
			break
		}
		if err := w.evolve(e, record); err != nil {
			return fmt.Errorf("record %d: %w", e.Seq, err)
		}
	}
	switch {
	case o.Seq > w.Meta.Seq && o.At == 0:
		return fmt.Errorf("it ends with record %d, before record %d", w.Meta.Seq, o.Seq)
	case w.Meta.Seq == w.From.Seq: // barriers after the last record count, too
		w.Meta.Index, w.Meta.Term = w.From.Index, w.From.Term
	}
	return nil
}

func (w *rewriter) evolve(e Stored, record *eventlog.Record) error {
	b := newBatch(w.new, w.front, w.Meta, unread)
	defer b.w.b.Close() // returns memory; there is nothing in its error
	b.meta.Index, b.meta.Term = e.Index, e.Term
	if err := b.record(w.origin.Domain, e.Record, record); err != nil {
		return err
	}
	if b.meta.Digest != e.Digest {
		return fmt.Errorf("it leads to digest %s, the node had %s", b.meta.Digest, e.Digest)
	}
	if err := b.write(); err != nil {
		return err
	}
	w.Meta = b.meta
	return nil
}

// carry takes the secrets over that the new state demands.
func (w *rewriter) carry() error {
	from := reader{w.old, unread}
	for id := range w.origin.Domain.Materials(reader{w.new, unread}) {
		value, ok := from.Get(SecretKey(id))
		if !ok {
			w.Lost = append(w.Lost, id)
			continue
		}
		if err := w.new.Set(SecretKey(id), value, pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}

func (w *rewriter) stream(out io.Writer) error {
	s, err := newStreamWriter(out, w.Meta, levelOf(w.origin.Domain, reader{w.new, unread}))
	if err != nil {
		return err
	}
	for key, value := range (reader{w.new, unread}).Scan(nil, nil) {
		if !has(carried, key) {
			continue
		}
		if err := s.row(key, value); err != nil {
			return err
		}
	}
	return s.end()
}

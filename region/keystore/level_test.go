package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/keyengine/rows"
)

// leveled is a domain whose feature level is how often "level" was counted, and one.
type leveled struct {
	logtest.Counters
	newest uint32
}

func (leveled) Level(r rows.Reader) uint32 { return 1 + uint32(logtest.Count(r, "level")) }
func (l leveled) Newest() uint32           { return l.newest }

// raised are entries that raise the level so many times, among others.
func raised(times int) (entries []eventlog.Entry) {
	for i := range 10 {
		name := "other"
		if i < times {
			name = "level"
		}
		entries = append(entries, eventlog.Entry{Index: uint64(i + 1), Term: 1, Data: logtest.AddTo(1, name)})
	}
	return entries
}

// TestLevels: a state and a snapshot have the feature level that the log has reached, not that of the program that
// wrote them: an older program takes them for as long as it knows all that is in them.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		times  int
		newest uint32
		taken  bool
	}{
		{times: 0, newest: 1, taken: true},
		{times: 1, newest: 1},
		{times: 1, newest: 2, taken: true},
		{times: 2, newest: 2},
	} {
		t.Run(fmt.Sprintf("level %d, known %d", c.times+1, c.newest), func(t *testing.T) {
			fs := vfs.NewMem()
			author := config(fs)
			author.Domain = leveled{newest: 9}
			s, err := Open(author)
			if err != nil {
				t.Fatal(err)
			}
			s.Apply(raised(c.times))
			snap := stream(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			older := author
			older.Domain = leveled{newest: c.newest}
			o, err := Open(older)
			if err == nil {
				err = o.Close()
			}
			if c.taken != (err == nil) || err != nil && !errors.Is(err, eventlog.ErrNewer) {
				t.Errorf("opened: %v", err)
			}

			var ended error // by Fatal, when a leader sends the snapshot
			older.FS = vfs.NewMem()
			older.Fatal = func(err error) { ended = err }
			to := openWith(t, older)
			err = to.Restore(bytes.NewReader(snap))
			if c.taken != (err == nil) || err != nil && !errors.Is(err, eventlog.ErrNewer) {
				t.Errorf("restored: %v", err)
			}
			func() {
				defer func() { _ = recover() }() // the process would have ended
				_ = to.Check(bytes.NewReader(snap))
			}()
			if c.taken != (ended == nil) || ended != nil && !errors.Is(ended, eventlog.ErrNewer) {
				t.Errorf("checked: %v", ended)
			}
		})
	}
}

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"meridian/region/audit"
)

// auditPoll is how often files are looked at that may have grown: a file tells nobody.
const auditPoll = 100 * time.Millisecond

// AuditQuery says which records of calls are wanted.
type AuditQuery struct {
	Regions []string // none: all
	Key     string   // id or ARN; empty: all
	Failed  bool     // only calls that failed
	Follow  bool     // go on with those to come
}

// Audit shows the records of calls that the nodes keep, merged by time; with q.Follow it goes on with those to come, in
// the order in which they are seen, until ctx ends. It reads the nodes' files, whether they run or not, and what nodes left
// that were removed, replaced or lost.
func (c *Cluster) Audit(ctx context.Context, q AuditQuery, show func(*audit.Record) error) error {
	regions := q.Regions
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	var readers []*audit.Reader
	for _, name := range regions {
		r, ok := c.File.Region(name)
		if !ok {
			return fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
		}
		dirs, err := c.auditFolders(r)
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			reader := audit.NewReader(dir)
			defer reader.Close()
			readers = append(readers, reader)
		}
	}
	once := onlyOnce()
	wanted := func(r *audit.Record) error {
		if q.Key != "" && !r.About(q.Key) || q.Failed && r.Event.ErrorCode == "" || !once(r) {
			return nil
		}
		return show(r)
	}
	if err := mergeRecords(ctx, readers, wanted); err != nil || !q.Follow {
		return err
	}
	return followRecords(ctx, readers, wanted)
}

// onlyOnce says of each event whether it is new. The nodes of a Region record what it does by itself, each of them,
// under one id; a call is recorded by one node.
func onlyOnce() func(*audit.Record) bool {
	seen := map[string]bool{}
	return func(r *audit.Record) bool {
		if r.Event.Identity.InvokedBy == "" || r.Event.ID == "" {
			return true
		}
		known := seen[r.Event.ID]
		seen[r.Event.ID] = true
		return !known
	}
}

// mergeRecords shows the oldest of the records that come next, until all files end.
func mergeRecords(ctx context.Context, readers []*audit.Reader, show func(*audit.Record) error) error {
	type head struct {
		record *audit.Record
		next   func() (*audit.Record, error, bool)
	}
	var heads []*head
	for _, r := range readers {
		next, stop := iter.Pull2(recordsOf(r))
		defer stop()
		heads = append(heads, &head{next: next})
	}
	advance := func(h *head) error {
		record, err, _ := h.next() // at the end there is neither
		h.record = record
		return err
	}
	for _, h := range heads {
		if err := advance(h); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		heads = slices.DeleteFunc(heads, func(h *head) bool { return h.record == nil })
		if len(heads) == 0 {
			return nil
		}
		first := slices.MinFunc(heads, func(a, b *head) int { return byTime(a.record, b.record) })
		if err := show(first.record); err != nil {
			return err
		}
		if err := advance(first); err != nil {
			return err
		}
	}
	return nil
}

func byTime(a, b *audit.Record) int {
	return cmp.Compare(a.Event.Meridian.TimeMillis, b.Event.Meridian.TimeMillis)
}

// errEnough ends the reading of a file.
var errEnough = errors.New("enough")

// recordsOf yields what a Reader has to read now.
func recordsOf(r *audit.Reader) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		err := r.Read(func(record *audit.Record) error {
			if !yield(record, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// followRecords shows what is added, look by look.
func followRecords(ctx context.Context, readers []*audit.Reader, show func(*audit.Record) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(auditPoll):
		}
		var came []*audit.Record
		for _, r := range readers {
			for record, err := range recordsOf(r) {
				if err != nil {
					return err
				}
				came = append(came, record)
			}
		}
		slices.SortStableFunc(came, byTime)
		for _, record := range came {
			if err := show(record); err != nil {
				return err
			}
		}
	}
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"meridian/cluster"
	"meridian/cluster/layout"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
	"meridian/region/audit"
)

// TestAuditMergesWhatNodesKeep has two nodes record calls in turns, and both the same event.
func TestAuditMergesWhatNodesKeep(t *testing.T) {
	file := layout.Cluster{Regions: []layout.Region{{Name: "us-east-1", Nodes: []layout.Node{{Name: "us-east-1/1"}, {Name: "us-east-1/2"}}}}}
	c := &cluster.Cluster{Dir: layout.Dir(t.TempDir()), File: &file}
	op, _ := kmsapi.Lookup("ListKeys")
	var ids atomic.Int64 // the writers of both logs count
	now := int64(1000)
	var logs []*audit.Log
	for _, n := range file.Regions[0].Nodes {
		l, err := audit.Open(audit.Config{
			Dir: c.Dir.Node(n.Name).Audit(), Region: "us-east-1", Node: n.Name,
			NewID: func() string { return fmt.Sprint(ids.Add(1)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	call := func(l *audit.Log, fault *kmsapi.Fault) {
		now++
		l.Note(audit.Call{
			Operation: op, Input: op.New(), At: now, Fault: fault,
			Call: &kmsapi.Call{RequestID: fmt.Sprint(now), Caller: kmsapi.Principal{Account: "111122223333"}},
		})
	}
	call(logs[0], nil)
	call(logs[1], nil)
	key := arn.Key{Partition: "aws", Region: "us-east-1", Account: "111122223333", ID: "1234abcd-12ab-34cd-56ef-1234567890ab"}
	for _, l := range logs {
		l.NoteEvent(audit.Event{ID: "rotation", Name: "RotateKey", At: 1003, Key: key, RotationType: "AUTOMATIC"})
	}
	now++
	call(logs[0], kmsapi.Errorf(kmsapi.NotFoundException, "no"))
	for _, l := range logs {
		l.Close()
	}
	ask := func(q cluster.AuditQuery) (got []string) {
		t.Helper()
		if err := c.Audit(t.Context(), q, func(r *audit.Record) error {
			got = append(got, fmt.Sprintf("%d %s", r.Event.Meridian.TimeMillis, r.Event.Name))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tc := range []struct {
		q    cluster.AuditQuery
		want []string
	}{
		{cluster.AuditQuery{}, []string{"1001 ListKeys", "1002 ListKeys", "1003 RotateKey", "1004 ListKeys"}},
		{cluster.AuditQuery{Key: key.ID}, []string{"1003 RotateKey"}},
		{cluster.AuditQuery{Key: key.String(), Regions: []string{"us-east-1"}}, []string{"1003 RotateKey"}},
		{cluster.AuditQuery{Failed: true}, []string{"1004 ListKeys"}},
	} {
		if got := ask(tc.q); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.q, got, tc.want)
		}
	}
	if err := c.Audit(t.Context(), cluster.AuditQuery{Regions: []string{"mars-1"}}, nil); !errors.Is(err, cluster.ErrUsage) {
		t.Errorf("a Region that is not there: %v", err)
	}

	// Who follows sees what is there and what comes.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	err := c.Audit(ctx, cluster.AuditQuery{Follow: true}, func(r *audit.Record) error {
		switch seen++; seen {
		case 4:
			l, err := audit.Open(audit.Config{Dir: c.Dir.Node("us-east-1/2").Audit(), Region: "us-east-1", Node: "us-east-1/2", NewID: func() string { return "late" }})
			if err != nil {
				return err
			}
			call(l, nil)
			l.Close()
		case 5:
			if r.Event.ID != "late" {
				t.Errorf("what came is %s", r.Line)
			}
			cancel()
		}
		return nil
	})
	if err != nil || seen != 5 {
		t.Errorf("followed %d records: %v", seen, err)
	}
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// TestAuditRemembersNodesThatAreGone: what a node recorded is told when the node was removed, its folder deleted or put
// aside, or replaced by another of its name.
func TestAuditRemembersNodesThatAreGone(t *testing.T) {
	c := three(t)
	op, _ := kmsapi.Lookup("ListKeys")
	record := func(name, request string) {
		t.Helper()
		l, err := audit.Open(audit.Config{Dir: c.Dir.Node(name).Audit(), Region: east, Node: name, NewID: func() string { return request }})
		must(t, err)
		l.Note(audit.Call{Operation: op, Input: op.New(), At: 1, Call: &kmsapi.Call{RequestID: request, Caller: kmsapi.Principal{Account: "111122223333"}}})
		l.Close()
	}
	told := func() (requests []string) {
		t.Helper()
		must(t, c.Audit(t.Context(), cluster.AuditQuery{}, func(r *audit.Record) error {
			requests = append(requests, r.Event.Meridian.Node+" "+r.Event.RequestID)
			return nil
		}))
		slices.Sort(requests)
		return requests
	}
	for n := 1; n <= 3; n++ {
		record(fmt.Sprintf("%s/%d", east, n), "first")
	}
	must(t, second(c.Add(t.Context(), east+"/4", false)))
	record(east+"/4", "first")
	must(t, second(c.Remove(t.Context(), east+"/3", true)))
	must(t, second(c.Remove(t.Context(), east+"/4", false)))
	must(t, second(c.Add(t.Context(), east+"/3", false)))
	must(t, second(c.Replace(t.Context(), east+"/2", true)))
	record(east+"/2", "second")
	record(east+"/3", "second")
	want := []string{"1 first", "2 first", "2 second", "3 first", "3 second", "4 first"}
	for i := range want {
		want[i] = east + "/" + want[i]
	}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if folders, err := os.ReadDir(c.Dir.KeptAudit(east)); err != nil || len(folders) != 3 {
		t.Errorf("kept: %v, %v", folders, err)
	}
}

package region_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"meridian/eventlog"
	"meridian/keyengine/kmsapi"
)

const hours = int64(time.Hour / time.Millisecond)

// advance raises the offset at the leader and waits until every node shows it with nothing overdue.
func (w *world) advance(leader int, offset int64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.nodes[leader].AdvanceClock(ctx, offset); err != nil {
		w.t.Fatal(err)
	}
	for _, n := range w.nodes {
		until(ctx, func() bool { c := n.ReadClock(); return c.Offset == offset && !c.Overdue })
	}
	if ctx.Err() != nil {
		w.t.Fatalf("not every node reached %v", time.Duration(offset)*time.Millisecond)
	}
}

func TestTimeMovedAhead(t *testing.T) {
	w := newWorld(t, time.Hour) // the leader's own clock is wrong
	w.lead(0)
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	key := fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId)
	w.do(0, "ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":7}`, *created.KeyMetadata.KeyId), nil)

	w.advance(0, 6*24*hours)
	var described kmsapi.DescribeKeyResponse
	w.do(2, "DescribeKey", key, &described)
	if got := *described.KeyMetadata.KeyState; got != kmsapi.KeyStatePendingDeletion {
		t.Errorf("after 6 of 7 days the key is %s", got)
	}
	c := w.nodes[1].ReadClock()
	if c.Next == nil || c.Next.What != "deletion" || c.Next.Ref.KeyID != *created.KeyMetadata.KeyId {
		t.Fatalf("after 6 of 7 days the next work is %+v", c.Next)
	}
	if left := c.Next.At - c.Now; left > 24*hours+60_000 || left < 24*hours-60_000 {
		t.Errorf("%v are left of one day", time.Duration(left)*time.Millisecond)
	}

	w.advance(0, 7*24*hours)
	for i := range 3 {
		if _, _, err := w.call(i, "DescribeKey", "", key); code(err) != kmsapi.NotFoundException {
			t.Errorf("node %d after 7 days: %v", i+1, err)
		}
	}
	if c := w.nodes[0].ReadClock(); c.Next != nil {
		t.Errorf("the last key is gone, and %+v waits", c.Next)
	}
}

// The offset is the log's: it outlives its leader, and never falls.
func TestTimeStaysAhead(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	offset := 30 * 24 * hours
	w.advance(0, offset)
	if err := w.nodes[1].AdvanceClock(t.Context(), 31*24*hours); !errors.Is(err, eventlog.ErrNotLeader) {
		t.Errorf("a follower moves time: %v", err)
	}
	w.lead(1)
	until(t.Context(), func() bool { return w.nodes[1].AdvanceClock(t.Context(), 0) == nil })
	seq := w.nodes[1].Store.Applied().Seq
	for _, smaller := range []int64{offset, offset - 1} {
		if err := w.nodes[1].AdvanceClock(t.Context(), smaller); err != nil {
			t.Errorf("offset %d after %d: %v", smaller, offset, err)
		}
	}
	if got := w.nodes[1].Store.Applied().Seq; got != seq {
		t.Errorf("offsets that change nothing made %d records", got-seq)
	}
	if err := w.nodes[1].AdvanceClock(t.Context(), -1); code(err) != kmsapi.ValidationException {
		t.Errorf("a negative offset: %v", err)
	}
	var created kmsapi.CreateKeyResponse
	w.do(1, "CreateKey", `{}`, &created)
	at := time.UnixMilli(int64(*created.KeyMetadata.CreationDate))
	if d := time.Until(at) - 30*24*time.Hour; d.Abs() > time.Minute {
		t.Errorf("the new leader dates by %v, 30 days are %v off", at, d)
	}
}

// Replies are remembered for a quarter of an hour of the Region's time.
func TestRepliesAreForgottenByRegionTime(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	create := func(invocation string) string {
		out, _, err := w.call(0, "CreateKey", invocation, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		return keyID(t, out)
	}
	first := create("one")
	w.advance(0, hours/4-60_000)
	create("two")
	if again := create("one"); again != first {
		t.Errorf("14 minutes later a repeat made %s beside %s", again, first)
	}
	w.advance(0, hours/4+60_000)
	create("three")
	if again := create("one"); again == first {
		t.Error("16 minutes later the reply is still remembered")
	}
}

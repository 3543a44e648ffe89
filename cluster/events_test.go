package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/timeline"
)

// woven plays arrivals to a weaver that follows the Regions a and b, each behind a wait, and returns what it showed
// and after how long.
func woven(t *testing.T, steps func(take func(control.Event), wait func(time.Duration))) string {
	t.Helper()
	var shown []string
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := &weaver{
			merger: timeline.New("a", "b"), arrivals: make(chan arrival), follow: true,
			room: map[string]chan struct{}{"a": make(chan struct{}, 2), "b": make(chan struct{}, 2)},
			show: func(e *timeline.Entry) error {
				shown = append(shown, fmt.Sprintf("%s%d %v", e.Region, e.Seq, time.Since(began)))
				return nil
			},
		}
		done := make(chan error)
		go func() { done <- w.weave(t.Context(), 2) }()
		steps(func(e control.Event) { w.take(t.Context(), e) }, func(d time.Duration) { time.Sleep(d); synctest.Wait() })
		w.end(t.Context(), "a", nil)
		w.end(t.Context(), "b", nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return strings.Join(shown, ", ")
}

func write(seq uint64) control.Event {
	return control.Event{
		Region: "a", Seq: seq, Time: "2026-01-01T00:00:05Z", Type: "RotationSet", Key: "k",
		Data: json.RawMessage(fmt.Sprintf(`{"record":{"version":"1.%d","writer":"a"}}`, seq)),
	}
}

func accept(seq, version uint64) control.Event {
	return control.Event{
		Region: "b", Seq: seq, Time: "2026-01-01T00:00:01Z", Type: "RecordAccepted", Key: "k",
		Data: json.RawMessage(fmt.Sprintf(`{"record":{"version":"1.%d","writer":"a"}}`, version)),
	}
}

// TestFollow: a history that goes on is shown soon, in the order of causes, and never stands still for a log that says
// nothing.
func TestFollow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		steps func(take func(control.Event), wait func(time.Duration))
		want  string
	}{
		{"a quiet Region holds nobody up for long", func(take func(control.Event), wait func(time.Duration)) {
			take(write(1))
			wait(time.Second)
		}, "a1 400ms"},
		{"what was received waits for who wrote it", func(take func(control.Event), wait func(time.Duration)) {
			take(accept(1, 1))
			wait(time.Second)
			take(write(1))
			wait(time.Second)
		}, "a1 1s, b1 1.4s"},
		{"but not for ever", func(take func(control.Event), wait func(time.Duration)) {
			take(accept(1, 1))
			wait(3 * time.Second)
			take(accept(2, 2)) // and each waits for itself
			wait(3 * time.Second)
		}, "b1 2.2s, b2 5.2s"},
		{"a Region that says much does not wait for one that says nothing", func(take func(control.Event), wait func(time.Duration)) {
			for seq := range uint64(4) { // more than there is room for
				take(write(seq + 1))
			}
			wait(2 * time.Second)
		}, "a1 400ms, a2 400ms, a3 800ms, a4 800ms"},
		{"what is left at the end of the logs is shown", func(take func(control.Event), _ func(time.Duration)) {
			take(accept(1, 1))
			take(write(1))
		}, "a1 0s, b1 0s"},
	} {
		if got := woven(t, tc.steps); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

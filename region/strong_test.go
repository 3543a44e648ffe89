package region_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"meridian/cluster/check"
	"meridian/cluster/history"
	"meridian/eventlog"
	"meridian/keyengine/kmsapi"
)

// believing is a log on which a node never asks whether it still leads.
type believing struct{ eventlog.Log }

func (believing) VerifyLeader(context.Context) error { return nil }

// TestStrongReads cuts leaders off that go on believing that they lead, while others are elected and clients write and
// read at every node. Strong reads fit into one order with the writes. The control is a leader that takes its own word
// for it: then they do not.
func TestStrongReads(t *testing.T) {
	for _, c := range []struct {
		what    string
		log     func(eventlog.Log) eventlog.Log
		writers int // at any node; one who is cut off and tries to write finds out that it does not lead
		rounds  int
		linear  bool
	}{
		{what: "a leader asks whether it leads", writers: 2, rounds: 12, linear: true},
		{what: "a leader takes its own word for it", rounds: 2, log: func(l eventlog.Log) eventlog.Log { return believing{l} }},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newStrongLoad(t, c.log)
			v := check.Linearizable(s.play(c.writers, c.rounds), check.Options{})
			t.Logf("%d calls", v.Checked)
			switch {
			case c.linear && !v.OK():
				t.Errorf("strong reads that fit into no order: %s", v)
			case !c.linear && v.Violation == "":
				t.Error("nobody noticed that strong reads were stale")
			}
		})
	}
}

// strongLoad is a Region with clients that write and read one key, and what they were told.
type strongLoad struct {
	t     *testing.T
	w     *world
	key   string
	clock atomic.Int64 // a tick for each beginning and end

	mu      sync.Mutex
	entries []history.Entry
}

func newStrongLoad(t *testing.T, log func(eventlog.Log) eventlog.Log) *strongLoad {
	s := &strongLoad{t: t, w: newWorldIn(t, setting{place: place, regions: []string{place.Region}, logger: slog.New(slog.DiscardHandler), wrap: log})}
	s.w.lead(0)
	var created kmsapi.CreateKeyResponse
	s.w.do(0, "CreateKey", `{}`, &created)
	s.key = *created.KeyMetadata.KeyId
	s.entries = append(s.entries, history.Entry{
		Client: "maker", Region: place.Region, Level: "strong", Operation: "CreateKey", Start: s.clock.Add(1), End: s.clock.Add(1),
		Outcome: history.OK, Answer: history.Answer{Key: s.key, State: "Enabled"},
	})
	return s
}

// play cuts leaders off for so many rounds, and returns what the clients were told meanwhile.
func (s *strongLoad) play(writers, rounds int) *history.History {
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	var clients sync.WaitGroup
	var calls atomic.Int64
	client := func(call func(name string, i int)) {
		name := fmt.Sprint("client ", calls.Add(1))
		clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				call(name, i)
				calls.Add(1)
			}
		})
	}
	for n := range 3 {
		client(func(name string, _ int) { s.read(name, n) })
	}
	for range writers {
		client(func(name string, i int) { s.write(name, i%3) })
	}
	some := func() { // calls end
		from := calls.Load()
		until(ctx, func() bool { return calls.Load() > from+12 })
	}
	rng, leader := mathrand.New(mathrand.NewPCG(1, 1)), 0
	for range rounds {
		next := (leader + 1 + rng.IntN(2)) % 3
		s.w.group.Cut(leader)
		s.w.group.Elect(next)
		s.write("main", next)
		var deposed sync.WaitGroup
		deposed.Go(func() { s.read("main", leader) }) // by its own word it still leads
		some()
		s.w.group.Heal(leader)
		deposed.Wait()
		some()
		leader = next
	}
	stop()
	clients.Wait()
	slices.SortFunc(s.entries, func(a, b history.Entry) int { return cmp.Compare(a.End, b.End) })
	return &history.History{Entries: s.entries}
}

// read has a client describe the key at node i, write has it change the description to one that nobody else writes.
func (s *strongLoad) read(client string, i int) {
	s.call(client, i, "DescribeKey", "", input("KeyId", s.key))
}

func (s *strongLoad) write(client string, i int) {
	text := fmt.Sprint("text ", s.clock.Add(1))
	s.call(client, i, "UpdateKeyDescription", text, input("KeyId", s.key, "Description", text))
}

func (s *strongLoad) call(client string, i int, operation, text, body string) {
	e := history.Entry{
		Client: client, Region: place.Region, Level: "strong", Operation: operation, Outcome: history.OK,
		Ask: history.Ask{Key: s.key, Description: text}, Start: s.clock.Add(1),
	}
	out, _, err := s.w.callAt(i, operation, "strong", body)
	e.End = s.clock.Add(1)
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		e.Outcome, e.Code = history.Unknown, fault.Code // none of these calls is ever refused for good
	case err != nil:
		s.t.Error(err)
	case operation == "DescribeKey":
		var told kmsapi.DescribeKeyResponse
		decode(s.t, out, &told)
		e.Answer = history.Answer{Key: s.key, State: string(*told.KeyMetadata.KeyState), Description: *told.KeyMetadata.Description}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
}

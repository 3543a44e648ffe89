package membus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meridian/replication"
	"meridian/replication/bustest"
	"meridian/replication/membus"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T, a, b string) bustest.Fixture {
		network := membus.New(membus.Options{Seed: 1, Delay: time.Millisecond})
		t.Cleanup(network.Close)
		return bustest.Fixture{A: network.Join(a), B: network.Join(b), Cut: func(cut bool) { network.Cut(a, b, cut) }}
	})
}

// echo serves b and returns what arrived, in order of arrival, once the bubble is idle.
func echo(t *testing.T, b *membus.Bus) func() []string {
	t.Helper()
	arrived := make(chan string, 1000)
	stop, err := b.Serve(func(_ context.Context, _ string, _ replication.Kind, e []byte) []byte {
		arrived <- string(e)
		return e
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func() (got []string) {
		for len(arrived) > 0 {
			got = append(got, <-arrived)
		}
		return got
	}
}

// send sends the messages at once and returns how many were answered and how many were not.
func send(t *testing.T, a *membus.Bus, messages int) (answered, silent int) {
	t.Helper()
	errs := make(chan error, messages)
	for i := range messages {
		go func() {
			_, err := a.Request(context.Background(), "b", replication.KindRecord, fmt.Appendf(nil, "%03d", i))
			errs <- err
		}()
		synctest.Wait()
	}
	for range messages {
		switch err := <-errs; {
		case err == nil:
			answered++
		case errors.Is(err, replication.ErrNoAnswer):
			silent++
		default:
			t.Fatal(err)
		}
	}
	return answered, silent
}

func TestLosesRepeatsAndReorders(t *testing.T) {
	run := func(seed uint64) (arrived []string, answered int) {
		synctest.Test(t, func(t *testing.T) {
			network := membus.New(membus.Options{Seed: seed, Loss: 0.3, Duplicate: 0.3, Delay: 100 * time.Millisecond})
			defer network.Close()
			got := echo(t, network.Join("b"))
			const messages = 200
			ok, silent := send(t, network.Join("a"), messages)
			if ok == 0 || silent == 0 || ok+silent != messages {
				t.Fatalf("%d answered, %d silent of %d", ok, silent, messages)
			}
			time.Sleep(time.Second) // of the bubble: the last repeats arrive
			arrived, answered = got(), ok
		})
		return arrived, answered
	}
	arrived, answered := run(7)
	if slices.IsSorted(arrived) {
		t.Error("nothing was reordered")
	}
	if distinct := len(slices.Compact(slices.Sorted(slices.Values(arrived)))); distinct == len(arrived) || distinct < answered {
		t.Errorf("%d arrived, %d of them distinct, %d answered", len(arrived), distinct, answered)
	}
	if _, other := run(8); other == answered {
		if _, third := run(9); third == answered {
			t.Error("three seeds have the same fate")
		}
	}
}

func TestWipeLosesWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := membus.New(membus.Options{Seed: 1, Delay: time.Second})
		defer network.Close()
		got := echo(t, network.Join("b"))
		done := make(chan error)
		go func() {
			_, err := network.Join("a").Request(context.Background(), "b", replication.KindStatus, []byte("x"))
			done <- err
		}()
		synctest.Wait()
		network.Wipe()
		if err := <-done; !errors.Is(err, replication.ErrNoAnswer) {
			t.Errorf("error %v", err)
		}
		if a := got(); len(a) > 0 {
			t.Errorf("arrived: %q", a)
		}
		if ok, _ := send(t, network.Join("a"), 1); ok != 1 {
			t.Error("nothing passes after the wipe")
		}
	})
}

func TestCutIsOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := membus.New(membus.Options{Seed: 1})
		defer network.Close()
		a, b := network.Join("a"), network.Join("b")
		echo(t, a)
		echo(t, b)
		network.Cut("a", "b", true)
		if _, silent := send(t, a, 1); silent != 1 {
			t.Error("the cut lets a request through")
		}
		if _, err := b.Request(context.Background(), "a", replication.KindKey, []byte("x")); err != nil {
			t.Errorf("the other way: %v", err)
		}
	})
}

package fault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	east1 = "us-east-1/1"
	east2 = "us-east-1/2"
	west1 = "eu-west-1/1"
)

// self is the lookup of these tests: an address is a node's name.
func self(addr string) string { return addr }

func set(t *testing.T, l *Layer, rules ...Rule) {
	t.Helper()
	if err := l.Set(Table{Format: Format, Version: l.Version() + 1, Rules: rules}); err != nil {
		t.Fatal(err)
	}
}

// pipe dials dst through the layer and returns both ends.
func pipe(t *testing.T, dial func(Dial) Dial, dst string) (near, far net.Conn) {
	t.Helper()
	near, err := dial(func(context.Context, string, string) (net.Conn, error) {
		a, b := net.Pipe()
		far = b
		return a, nil
	})(t.Context(), "tcp", dst)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// arrivals reads pieces from a connection and tells when each came, until the connection ends.
type arrival struct {
	s     string
	after time.Duration
}

func arrivals(c net.Conn) <-chan arrival {
	ch := make(chan arrival, 100)
	start := time.Now()
	go func() {
		defer close(ch)
		b := make([]byte, 1024)
		for {
			n, err := c.Read(b)
			if n > 0 {
				ch <- arrival{string(b[:n]), time.Since(start)}
			}
			if err != nil {
				return
			}
		}
	}()
	return ch
}

func TestWhoIsCut(t *testing.T) {
	cases := []struct {
		name      string
		rule      Rule
		self, dst string
		cut       bool
	}{
		{"both ways, from A", Rule{A: "us-east-1", B: "eu-west-1"}, east1, west1, true},
		{"both ways, from B", Rule{A: "us-east-1", B: "eu-west-1"}, west1, east1, true},
		{"one way, from A", Rule{A: "us-east-1", B: "eu-west-1", OneWay: true}, east1, west1, true},
		{"one way, from B", Rule{A: "us-east-1", B: "eu-west-1", OneWay: true}, west1, east1, false},
		{"another Region", Rule{A: "us-east-1", B: "eu-west-1"}, east1, "ap-south-1/1", false},
		{"inside the Region", Rule{A: "us-east-1", B: "eu-west-1"}, east1, east2, false},
		{"a node from its Region", Rule{A: east1, B: "us-east-1"}, east1, east2, true},
		{"its peers from the node", Rule{A: east1, B: "us-east-1"}, east2, east1, true},
		{"never itself", Rule{A: east1, B: "us-east-1"}, east1, east1, false},
		{"a name that begins alike", Rule{A: "us-east-1", B: "eu-west-1"}, "us-east-11/1", west1, false},
		{"node 1 is not node 10", Rule{A: east1, B: west1}, "us-east-1/10", west1, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.Kind = Partition
			l := New(tc.self, self, 1)
			set(t, l, tc.rule)
			if got := l.state.Load().link(l.self, tc.dst).cut; got != tc.cut {
				t.Errorf("cut = %v, want %v", got, tc.cut)
			}
		})
	}
}

func TestCutHoldsBytesAndHealReleasesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		near, far := pipe(t, l.Dialer, west1)
		out, in := arrivals(far), arrivals(near)
		go far.Write([]byte("before"))
		if a := <-in; a.s != "before" {
			t.Fatalf("read %q before the cut", a.s)
		}

		set(t, l, Rule{Kind: Partition, A: "us-east-1", B: "eu-west-1"})
		for _, s := range []string{"one ", "two"} { // nothing refuses them
			if _, err := near.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		go far.Write([]byte("answer"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(out) != 0 || len(in) != 0 {
			t.Fatalf("%d and %d pieces passed the cut", len(out), len(in))
		}

		set(t, l)
		if got := gather(out, len("one two")); got != "one two" {
			t.Errorf("far end got %q", got)
		}
		if a := <-in; a.s != "answer" || a.after != time.Hour {
			t.Errorf("near end got %q after %v", a.s, a.after)
		}
	})
}

func gather(ch <-chan arrival, n int) string {
	var s strings.Builder
	for s.Len() < n {
		a, ok := <-ch
		if !ok {
			break
		}
		s.WriteString(a.s)
	}
	return s.String()
}

func TestCutHidesTheEndOfTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		near, far := pipe(t, l.Dialer, west1)
		set(t, l, Rule{Kind: Partition, A: east1, B: west1})
		in := arrivals(near)
		far.Close()
		time.Sleep(time.Minute)
		select {
		case a, ok := <-in:
			t.Fatalf("the near end noticed: %v, %v", a, ok)
		default:
		}
		set(t, l)
		if _, ok := <-in; ok {
			t.Fatal("bytes arrived that were never sent")
		}
	})
}

func TestDeadlinesWorkDuringACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		near, far := pipe(t, l.Dialer, west1)
		set(t, l, Rule{Kind: Partition, A: east1, B: west1})
		go far.Write([]byte("held"))

		start := time.Now()
		near.SetReadDeadline(start.Add(3 * time.Second))
		if _, err := near.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("Read: %v after %v", err, time.Since(start))
		}
		// Write waits only when what is held has reached its bound.
		near.SetWriteDeadline(start.Add(5 * time.Second))
		n, err := near.Write(make([]byte, 2*maxHeld))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != maxHeld || time.Since(start) != 5*time.Second {
			t.Errorf("Write: %d bytes, %v after %v", n, err, time.Since(start))
		}
		// A deadline that passed loses nothing.
		near.SetReadDeadline(time.Time{})
		set(t, l)
		go io.Copy(io.Discard, far)
		b := make([]byte, 9)
		if n, err := near.Read(b); err != nil || string(b[:n]) != "held" {
			t.Errorf("after the heal: %q, %v", b[:n], err)
		}
	})
}

func TestDeadlineMovesWhileReadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		near, _ := pipe(t, l.Dialer, west1)
		set(t, l, Rule{Kind: Partition, A: east1, B: west1})
		near.SetReadDeadline(time.Now().Add(time.Hour))
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			near.SetReadDeadline(time.Now().Add(-time.Second)) // as net/http does to free a reader
		}()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Read: %v after %v", err, time.Since(start))
		}
	})
}

func TestDialWaitsForTheHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		set(t, l, Rule{Kind: Partition, A: east1, B: west1, Until: time.Now().Add(time.Minute)})
		base := func(context.Context, string, string) (net.Conn, error) {
			a, _ := net.Pipe()
			return a, nil
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Dialer(base)(ctx, "tcp", west1)
		var op *net.OpError
		if !errors.As(err, &op) || !op.Timeout() {
			t.Errorf("dial during the cut: %v, want a time-out", err)
		}

		start := time.Now()
		c, err := l.Dialer(base)(t.Context(), "tcp", west1) // the rule ends by itself
		if err != nil || time.Since(start) != 59*time.Second {
			t.Fatalf("dial: %v after %v", err, time.Since(start))
		}
		c.Close()
		if c, err = l.Dialer(base)(ctx, "tcp", ""); err != nil {
			t.Errorf("an address that is no node's: %v", err)
		} else {
			c.Close()
		}
	})
}

func TestDelayKeepsOrderAndThroughput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		set(t, l, Rule{Kind: Delay, A: east1, B: west1, Latency: 100 * time.Millisecond, Jitter: 90 * time.Millisecond})
		near, far := pipe(t, l.Dialer, west1)
		out := arrivals(far)
		var want strings.Builder
		for i := range 100 {
			s := string(rune('a' + i%26))
			want.WriteString(s)
			near.Write([]byte(s))
		}
		start := time.Now()
		if got := gather(out, want.Len()); got != want.String() {
			t.Errorf("order was lost: %s", got)
		}
		if took := time.Since(start); took < 10*time.Millisecond || took > 190*time.Millisecond {
			t.Errorf("a hundred writes took %v: they must be late together, not one after another", took)
		}
	})
}

func TestDelayActsOnBytesByDirection(t *testing.T) {
	late := Rule{Kind: Delay, A: "us-east-1", B: "eu-west-1", Latency: time.Second, OneWay: true}
	cases := []struct {
		name         string
		dialer, dst  string
		dial, there  time.Duration
		back         time.Duration
		bothWaysRule bool
	}{
		{"A dialed", east1, west1, time.Second, time.Second, 0, false},
		{"B dialed", west1, east1, time.Second, 0, time.Second, false},
		{"both ways", west1, east1, 2 * time.Second, time.Second, time.Second, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(tc.dialer, self, 1)
				rule := late
				rule.OneWay = !tc.bothWaysRule
				set(t, l, rule)
				start := time.Now()
				near, far := pipe(t, l.Dialer, tc.dst)
				if took := time.Since(start); took != tc.dial {
					t.Errorf("dial took %v, want %v", took, tc.dial)
				}
				out, in := arrivals(far), arrivals(near)
				near.Write([]byte("x"))
				if a := <-out; a.after != tc.there {
					t.Errorf("there took %v, want %v", a.after, tc.there)
				}
				start = time.Now()
				far.Write([]byte("y"))
				<-in
				if took := time.Since(start); took != tc.back {
					t.Errorf("back took %v, want %v", took, tc.back)
				}
			})
		})
	}
}

func TestCloseSendsWhatIsOnlyLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(east1, self, 1)
		set(t, l, Rule{Kind: Delay, A: east1, B: west1, Latency: time.Second})
		near, far := pipe(t, l.Dialer, west1)
		out := arrivals(far)
		near.Write([]byte("last words"))
		near.Close()
		if got := gather(out, 10); got != "last words" {
			t.Errorf("got %q", got)
		}
		if _, ok := <-out; ok {
			t.Error("the connection did not end")
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
	})
}

func TestCloseDuringACutEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble fails if a goroutine stays
		l := New(east1, self, 1)
		near, far := pipe(t, l.Dialer, west1)
		set(t, l, Rule{Kind: Partition, A: east1, B: west1})
		near.Write([]byte("held"))
		read := make(chan error, 1)
		go func() { _, err := near.Read(make([]byte, 1)); read <- err }()
		synctest.Wait()
		near.Close()
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		if b, err := io.ReadAll(far); err != nil || len(b) != 0 {
			t.Errorf("held bytes left the cut: %q, %v", b, err)
		}
	})
}

func TestLossResetsCalls(t *testing.T) {
	l := New(east1, self, 7)
	set(t, l, Rule{Kind: Drop, A: east1, B: west1, P: 0.25})
	failed := 0
	for range 400 {
		near, far := pipe(t, l.CallDialer, west1)
		go io.Copy(io.Discard, far)
		if _, err := near.Write([]byte("call")); errors.Is(err, syscall.ECONNRESET) {
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
		near.Close()
	}
	if failed < 60 || failed > 140 {
		t.Errorf("%d of 400 calls failed, want about 100", failed)
	}
	near, far := pipe(t, l.Dialer, west1) // NATS asks Fate instead
	go io.Copy(io.Discard, far)
	for range 100 {
		if _, err := near.Write([]byte("message")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFateIsDeterministic(t *testing.T) {
	run := func(seed uint64) (fates string) {
		l := New(east1, self, seed)
		set(t, l, Rule{Kind: Drop, A: east1, B: west1, P: 0.5}, Rule{Kind: Duplicate, A: east1, B: west1, P: 0.5})
		for range 64 {
			drop, dup := l.Fate(west1)
			fates += map[bool]string{true: "d", false: "-"}[drop] + map[bool]string{true: "2", false: "1"}[dup]
		}
		if drop, dup := l.Fate(east2); drop || dup {
			t.Error("a fate without a rule")
		}
		return fates
	}
	first, again, other := run(1), run(1), run(2)
	if first != again || first == other {
		t.Error("fates do not depend on the seed alone")
	}
}

func TestOlderTableIsPassedOver(t *testing.T) {
	l := New(east1, self, 1)
	cut := Rule{Kind: Partition, A: east1, B: west1}
	newer := Table{Format: Format, Version: 5, Rules: []Rule{cut}}
	if err := l.Set(newer); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(Table{Format: Format, Version: 4}); err != nil || l.Version() != 5 {
		t.Errorf("version %d, %v", l.Version(), err)
	}
	if err := l.Set(Table{Format: Format, Version: 9, Rules: []Rule{{Kind: "melt", A: "a", B: "b"}}}); err == nil || l.Version() != 5 {
		t.Error("a broken table came into force")
	}
}

// A rule that comes and goes over real sockets, while bytes flow, loses and reorders nothing.
func TestRulesComeAndGoOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() { // echo
		c, err := ln.Accept()
		if err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	l := New(east1, func(string) string { return west1 }, 1)
	c, err := l.Dialer((&net.Dialer{}).DialContext)(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	got := make(chan []byte)
	go func() {
		b := make([]byte, len(sent))
		io.ReadFull(c, b)
		got <- b
	}()
	rules := [][]Rule{
		nil,
		{{Kind: Delay, A: east1, B: west1, Latency: time.Millisecond, Jitter: time.Millisecond}},
		{{Kind: Partition, A: east1, B: west1}},
	}
	for i, rest := 0, sent; len(rest) > 0; i++ {
		n := min(len(rest), 4096)
		set(t, l, rules[i%3]...)
		if _, err := c.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	set(t, l)
	if !bytes.Equal(<-got, sent) {
		t.Error("what came back is not what was sent")
	}
	c.Close()
}

func BenchmarkWriteWithoutRules(b *testing.B) {
	l := New(east1, self, 1)
	c, err := l.Dialer(func(context.Context, string, string) (net.Conn, error) { return sink{}, nil })(b.Context(), "tcp", west1)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 100)
	for b.Loop() {
		c.Write(buf)
	}
}

// sink is a connection that swallows everything.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error) { return len(b), nil }

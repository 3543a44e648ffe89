package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
)

// failover is what one kill of a leader cost, from the kill on.
type failover struct {
	elected time.Duration // until another node said that it leads
	written time.Duration // until the first answer to a write that was begun after the kill
}

// TestFailover kills the leader with SIGKILL again and again: another one leads each time, and every acknowledged write is
// there. It prints how long that took; MERIDIAN_FAILOVERS is how often, 3 if unset.
func TestFailover(t *testing.T) {
	c := breakable(t)
	w := &writers{name: unique("failover")}
	var all []failover
	for n := range setting(t, "MERIDIAN_FAILOVERS", 3) {
		all = append(all, c.failOver(t, w, int(n)))
	}
	w.check(t, c.patient(east))
	c.verify(t)
	for what, of := range map[string]func(failover) time.Duration{
		"until another node leads":      func(f failover) time.Duration { return f.elected },
		"until a write is answered 200": func(f failover) time.Duration { return f.written },
	} {
		took := make([]time.Duration, len(all))
		for i, f := range all {
			took[i] = of(f)
		}
		slices.Sort(took)
		median, worst := took[len(took)/2], took[len(took)-1]
		t.Logf("%d leaders killed, %s: median %s, worst %s; of the election time-out of %s that is %.1f and %.1f", len(all), what,
			median.Round(time.Millisecond), worst.Round(time.Millisecond), raftlog.DefaultElection,
			median.Seconds()/raftlog.DefaultElection.Seconds(), worst.Seconds()/raftlog.DefaultElection.Seconds())
	}
}

// failOver kills the leader of a Region that is whole, and has it whole again.
func (c *cluster) failOver(t *testing.T, w *writers, n int) (f failover) {
	t.Helper()
	old := c.whole(t, east)
	at := time.Now()
	ok(t, syscall.Kill(old.PID, syscall.SIGKILL))
	watched := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		defer close(watched)
		if c.successor(ctx, old) {
			f.elected = time.Since(at)
		}
	}()
	client := c.client(east)
	eventually(t, time.Minute, "a write is acknowledged", func() error {
		about := fmt.Sprintf("%s %d/%d", w.name, n, w.acknowledged.Load())
		out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{Description: &about})
		if err == nil {
			f.written = time.Since(at)
			w.keys.Store(about, *out.KeyMetadata.KeyId)
			w.acknowledged.Add(1)
		}
		return err
	})
	<-watched
	if f.elected == 0 {
		t.Errorf("nobody said that it leads after %s", old.Name)
	}
	c.do(t, "start", old.Name)
	return f
}

// whole returns the leader of a Region whose nodes are all ready.
func (c *cluster) whole(t *testing.T, region string) (leader control.Status) {
	t.Helper()
	eventually(t, 30*time.Second, region+" is whole", func() error {
		leader = control.Status{}
		for n := 1; n <= nodes; n++ {
			s, err := c.info(t.Context(), region, n)
			switch {
			case err != nil:
				return err
			case !s.Ready:
				return fmt.Errorf("%s is not ready", s.Name)
			case s.Role == control.Leader:
				leader = s
			}
		}
		if leader.Name == "" {
			return fmt.Errorf("nobody leads")
		}
		return nil
	})
	return leader
}

// successor returns when another node leads in a later term.
func (c *cluster) successor(ctx context.Context, old control.Status) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for n := 1; n <= nodes; n++ {
			if layout.NodeName(east, n) == old.Name {
				continue
			}
			if s, err := c.info(ctx, east, n); err == nil && s.Role == control.Leader && s.Term > old.Term {
				return true
			}
		}
		<-tick.C
	}
	return false
}

// info asks a node for its status.
func (c *cluster) info(ctx context.Context, region string, n int) (s control.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.node(region, n)+"/_meridian/info", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// TestLeadershipIsHandedOver stops a leader in order: the next one leads in the next term, and nobody had to find out by
// waiting that the old one is gone.
func TestLeadershipIsHandedOver(t *testing.T) {
	c := breakable(t)
	old := c.whole(t, east)
	read := map[string]int{}
	logs := func(name string) string {
		text, err := os.ReadFile(layout.Dir(c.data).Node(name).Log())
		ok(t, err)
		from := read[name]
		read[name] = len(text)
		return string(text[from:])
	}
	for n := 1; n <= nodes; n++ {
		logs(layout.NodeName(east, n))
	}
	c.do(t, "stop", old.Name)
	var next control.Status
	eventually(t, 30*time.Second, "another node leads", func() error {
		for n := 1; n <= nodes; n++ {
			if s, err := c.info(t.Context(), east, n); err == nil && s.Role == control.Leader && s.Name != old.Name {
				next = s
				return nil
			}
		}
		return fmt.Errorf("nobody leads")
	})
	if next.Term != old.Term+1 {
		t.Errorf("%s led in term %d, %s leads in term %d", old.Name, old.Term, next.Name, next.Term)
	}
	const waited = "heartbeat timeout reached" // as Raft says it
	for n := 1; n <= nodes; n++ {
		name := layout.NodeName(east, n)
		if name == old.Name {
			continue
		}
		if said := logs(name); strings.Contains(said, waited) {
			t.Errorf("%s waited for the leader that was stopped:\n%s", name, said)
		}
	}
	c.do(t, "start", old.Name)
}

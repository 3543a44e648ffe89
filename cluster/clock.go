package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/keyengine"
)

// maxOffset is how far Region time may run ahead, in seconds.
const maxOffset = keyengine.MaxClockOffset / 1000

// clockEvery is how often the supervisor looks for Regions whose time has to be moved ahead.
const clockEvery = time.Second

// clockStamp is how Region times are written, as in events.
const clockStamp = "2006-01-02T15:04:05.000Z07:00"

// ClockStatus is what the clocks of a cluster show.
type ClockStatus struct {
	OffsetSeconds int64         `json:"offsetSeconds"` // that every Region has or gets when it is back
	Regions       []RegionClock `json:"regions"`
}

// RegionClock is what the clock of a Region shows.
type RegionClock struct {
	Region        string   `json:"region"`
	Time          string   `json:"time"` // RFC 3339
	OffsetSeconds int64    `json:"offsetSeconds"`
	Overdue       bool     `json:"overdue"` // work is due and not done yet
	Next          *NextDue `json:"next,omitempty"`
}

// NextDue is what falls due next in a Region.
type NextDue struct {
	Time string `json:"time"` // RFC 3339
	Key  string `json:"key"`  // key id
	What string `json:"what"`
}

// Clock asks the leader of each Region what its clock shows. Regions that do not answer are named in silent.
func (c *Cluster) Clock(ctx context.Context) (s ClockStatus, silent []string) {
	clocks := make([]*RegionClock, len(c.File.Regions))
	var g errgroup.Group
	for i := range c.File.Regions {
		g.Go(func() error {
			client, err := c.toLeader(ctx, i)
			if err != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, adminTime)
			defer cancel()
			if k, err := client.Clock(ctx); err == nil {
				clocks[i] = regionClock(k)
			}
			return nil
		})
	}
	_ = g.Wait()
	s = ClockStatus{OffsetSeconds: c.File.ClockOffsetSeconds, Regions: []RegionClock{}}
	for i, r := range c.File.Regions {
		if clocks[i] == nil {
			silent = append(silent, r.Name)
		} else {
			s.Regions = append(s.Regions, *clocks[i])
		}
	}
	return s, silent
}

func regionClock(k control.Clock) *RegionClock {
	s := &RegionClock{Region: k.Region, Time: stampOf(k.TimeMillis), OffsetSeconds: k.OffsetMillis / 1000, Overdue: k.Overdue}
	if k.Next != nil {
		s.Next = &NextDue{Time: stampOf(k.Next.AtMillis), Key: k.Next.Key, What: k.Next.What}
	}
	return s
}

func stampOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(clockStamp) }

// recordOffset writes down how far every Region's time is to run ahead, before any Region is told: one that is
// away finds it when it is back. It never falls.
func (c *Cluster) recordOffset(seconds int64) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	file, err := layout.ReadCluster(c.Dir)
	if err != nil {
		return err
	}
	if seconds <= file.ClockOffsetSeconds {
		return nil
	}
	file.ClockOffsetSeconds = seconds
	if err := layout.WriteCluster(c.Dir, file); err != nil {
		return err
	}
	c.File.ClockOffsetSeconds = seconds
	return nil
}

// bringClock moves the time of Regions to the recorded offset, those that can have a leader.
func (c *Cluster) bringClock(ctx context.Context, names ...string) error {
	file, err := layout.ReadCluster(c.Dir)
	if err != nil || file.ClockOffsetSeconds == 0 {
		return err
	}
	var g errgroup.Group
	for _, p := range c.newWalk().places {
		if slices.Contains(names, p.region.Name) && c.hasQuorum(p.region.Name) {
			g.Go(func() error { return p.ask(ctx, advanceTo(file.ClockOffsetSeconds*1000)) })
		}
	}
	return g.Wait()
}

// keepClock moves the time of Regions to the recorded offset whenever one can be reached that has not heard of it,
// until ctx ends.
func (c *Cluster) keepClock(ctx context.Context) {
	told := make(map[string]int64)
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		if file, err := layout.ReadCluster(c.Dir); err == nil {
			now := &Cluster{Dir: c.Dir, File: file, Program: c.Program, Note: c.Note}
			for _, p := range now.newWalk().places {
				name, offset := p.region.Name, file.ClockOffsetSeconds
				if told[name] < offset && p.try(ctx, advanceTo(offset*1000)) == nil {
					told[name] = offset
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ParseSpan reads a length of time: days, hours, minutes and seconds, as in 30d, 1h30m or 7d12h.
func ParseSpan(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%w: %q is not a length of time such as 30d, 12h or 1h30m", ErrUsage, text)
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%w: time never goes back: name a length such as 30d, 12h or 1h30m", ErrUsage)
	}
	var days int64
	rest := text
	if before, after, ok := strings.Cut(text, "d"); ok {
		if n, err := fmt.Sscanf(before+"!", "%d!", &days); n != 1 || err != nil || strings.TrimLeft(before, "0123456789") != "" || days > maxOffset {
			return 0, wrong
		}
		rest = after
	}
	d := time.Duration(min(days, maxOffset/86400+1)) * 24 * time.Hour
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 || strings.ContainsAny(rest, "+-") {
			return 0, wrong
		}
		d += more
	}
	switch {
	case text == "":
		return 0, wrong
	case d == 0:
		return 0, fmt.Errorf("%w: %s would not move time at all", ErrUsage, text)
	case d%time.Second != 0:
		return 0, fmt.Errorf("%w: %s is not in whole seconds", ErrUsage, text)
	case d > maxOffset*time.Second:
		return 0, fmt.Errorf("%w: %s is more than the hundred years that time may run ahead", ErrUsage, text)
	}
	return d, nil
}

// Span writes a number of seconds as ParseSpan reads it.
func Span(seconds int64) string {
	var text strings.Builder
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := seconds / unit.seconds; n > 0 {
			text.WriteString(fmt.Sprint(n, unit.name))
		}
		seconds %= unit.seconds
	}
	if text.String() == "" {
		return "0s"
	}
	return text.String()
}

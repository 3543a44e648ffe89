package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/keyview"
)

// lagLook is how often a key is looked at whose Regions are waited for.
const lagLook = 100 * time.Millisecond

// KeyLags says how far Regions are behind each other with a key, or with every multi-Region key if it is nil: every pair
// of Regions that has something to say to each other about it. Regions that nobody can speak for are named in silent.
func (c *Cluster) KeyLags(ctx context.Context, key *KeyName) (lags []*keyview.KeyLag, silent []string, err error) {
	if lags, silent, err = c.keyLags(ctx, key); err != nil {
		return nil, silent, err
	}
	now := map[string]int64{}
	clocks, _ := c.Clock(ctx)
	for _, k := range clocks.Regions {
		if at, err := time.Parse(time.RFC3339, k.Time); err == nil {
			now[k.Region] = at.UnixMilli()
		}
	}
	for i := range c.File.Regions {
		r := &c.File.Regions[i]
		from := slices.DeleteFunc(slices.Clone(lags), func(l *keyview.KeyLag) bool { return l.From != r.Name || l.Records+l.Statuses == 0 })
		if len(from) == 0 {
			continue
		}
		events, err := c.eventsAbout(ctx, i, from)
		if err != nil {
			return nil, silent, err
		}
		for _, l := range from {
			l.Count(events[l.Key], now[r.Name])
		}
	}
	return lags, silent, nil
}

// eventsAbout are, by key, the events of a Region's log about keys with which others are behind.
func (c *Cluster) eventsAbout(ctx context.Context, region int, lags []*keyview.KeyLag) (map[string][]control.Event, error) {
	client, err := c.anyNode(ctx, &c.File.Regions[region])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	events := map[string][]control.Event{}
	for _, l := range lags {
		events[l.Key] = nil
	}
	q := control.EventQuery{}
	if len(events) == 1 {
		q.Key = lags[0].Key
	}
	for e, err := range client.Events(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("%w: read the log of %s: %w", ErrUnknown, c.File.Regions[region].Name, err)
		}
		if about, ok := events[e.Key]; ok {
			events[e.Key] = append(about, e)
		}
	}
	return events, nil
}

// keyLags is what the Regions' states tell.
func (c *Cluster) keyLags(ctx context.Context, key *KeyName) ([]*keyview.KeyLag, []string, error) {
	if key == nil {
		held, silent := c.Holdings(ctx)
		return keyview.Lags(held.States), silent, nil
	}
	states, silent, err := c.KeyStates(ctx, nil, *key, control.Point{})
	if err != nil {
		return nil, silent, err
	}
	known := slices.DeleteFunc(states, func(s control.KeyState) bool { return !s.Known })
	switch {
	case len(known) == 0 && len(silent) == 0:
		return nil, nil, fmt.Errorf("no Region knows a key %s", key.ID)
	case len(known) > 0 && !known[0].Shared.MultiRegion:
		return nil, nil, fmt.Errorf("%w: key %s is in one Region alone: no other is behind with it", ErrUsage, key.ID)
	}
	return keyview.Lags(known), silent, nil
}

// AwaitKeyConverged waits until no Region is behind another with a key, two looks in a row.
func (c *Cluster) AwaitKeyConverged(ctx context.Context, key KeyName) (lags []*keyview.KeyLag, err error) {
	missing := "it was not found out"
	for calm := 0; ; {
		now, silent, err := c.keyLags(ctx, &key)
		if ctx.Err() == nil {
			if err != nil {
				return nil, err
			}
			lags, missing = now, c.keyBehind(now, silent)
			if calm++; missing != "" {
				calm = 0
			}
			if calm == 2 {
				return lags, nil
			}
		}
		select {
		case <-ctx.Done():
			// The question is asked again, so that the answer says how far and for how long.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminTime)
			defer cancel()
			if counted, _, err := c.KeyLags(ctx, &key); err == nil {
				lags = counted
			}
			return lags, fmt.Errorf("%w: key %s has not converged: %s", ErrUnknown, key.ID, missing)
		case <-time.After(lagLook):
		}
	}
}

// keyBehind says what is missing; empty: nothing.
func (c *Cluster) keyBehind(lags []*keyview.KeyLag, silent []string) string {
	d, _ := c.Dials() // whoever cannot read it knows of no pause
	var parts []string
	for _, l := range lags {
		if !l.Behind() {
			continue
		}
		part := fmt.Sprintf("%s is behind %s", l.To, l.From)
		if d.Pauses(l.From, l.To) {
			part += " (synchronisation is paused)"
		}
		parts = append(parts, part)
	}
	for _, r := range silent {
		parts = append(parts, "no node of "+r+" answers")
	}
	return strings.Join(parts, "; ")
}

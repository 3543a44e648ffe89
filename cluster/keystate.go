package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
)

// replayTime bounds a look into the past: a node reads its event log from the first record for it.
const replayTime = 2 * time.Minute

// ParsePoint reads a point of the past: a seq of an event log, or a time (RFC 3339).
func ParsePoint(text string) (control.Point, error) {
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil && seq > 0 {
		return control.Point{Seq: seq}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && at.UnixMilli() > 0 {
		return control.Point{AtMillis: at.UnixMilli()}, nil
	}
	return control.Point{}, fmt.Errorf("%w: %.80q is neither a seq such as 42 nor a time such as 2026-01-31T12:00:00Z", ErrUsage, text)
}

// KeyStates asks Regions (none named: all) what they know about a key, now or at a point of the past. Regions that
// nobody can speak for are named in silent.
func (c *Cluster) KeyStates(ctx context.Context, regions []string, k KeyName, at control.Point) (states []control.KeyState, silent []string, err error) {
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	at.Account = k.Account
	answers, heard := make([]control.KeyState, len(regions)), make([]bool, len(regions))
	g, ctx := errgroup.WithContext(ctx)
	for i, name := range regions {
		r, ok := c.File.Region(name)
		if !ok {
			return nil, nil, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, name, strings.Join(c.File.Names(), ", "))
		}
		g.Go(func() (err error) {
			client, err := c.anyNode(ctx, r)
			if err != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, replayTime)
			defer cancel()
			answers[i], err = client.Key(ctx, k.ID, at)
			var refusal *control.Refusal
			if errors.As(err, &refusal) && refusal.Status == http.StatusBadRequest {
				return fmt.Errorf("%w: %s", ErrUsage, refusal.Reason)
			}
			heard[i] = err == nil
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	for i := range regions {
		if heard[i] {
			states = append(states, answers[i])
		} else {
			silent = append(silent, regions[i])
		}
	}
	slices.Sort(silent)
	return states, silent, nil
}

package cluster

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// holdingsTime bounds how long a Region may take to say what it holds.
const holdingsTime = time.Minute

// Holdings is what Regions hold.
type Holdings struct {
	States []control.KeyState // of every multi-Region key in each Region that answered
	Rests  []control.Rest     // one of each of those Regions
}

var errShort = errors.New("the answer broke off")

// Holdings asks every Region what it holds, at its leader if it has one. Regions that nobody can speak for are named in
// silent.
func (c *Cluster) Holdings(ctx context.Context) (all Holdings, silent []string) {
	answers := make([]Holdings, len(c.File.Regions))
	heard := make([]bool, len(c.File.Regions))
	var g errgroup.Group
	for i := range c.File.Regions {
		g.Go(func() error {
			var err error
			answers[i], err = c.holdingsOf(ctx, &c.File.Regions[i])
			heard[i] = err == nil
			return nil
		})
	}
	_ = g.Wait()
	for i, r := range c.File.Regions {
		if !heard[i] {
			silent = append(silent, r.Name)
			continue
		}
		all.States = append(all.States, answers[i].States...)
		all.Rests = append(all.Rests, answers[i].Rests...)
	}
	return all, silent
}

func (c *Cluster) holdingsOf(ctx context.Context, r *layout.Region) (h Holdings, err error) {
	client, err := c.anyNode(ctx, r)
	if err != nil {
		return h, err
	}
	ctx, cancel := context.WithTimeout(ctx, holdingsTime)
	defer cancel()
	for line, err := range client.Holdings(ctx) {
		switch {
		case err != nil:
			return Holdings{}, err
		case line.Key != nil:
			h.States = append(h.States, *line.Key)
		case line.Rest != nil:
			h.Rests = append(h.Rests, *line.Rest)
		}
	}
	if len(h.Rests) != 1 {
		return Holdings{}, errShort
	}
	return h, nil
}

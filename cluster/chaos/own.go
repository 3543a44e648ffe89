package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"meridian/cluster"
)

// Where clusters are put that no port was asked for: the ports of nodes lie one and two thousand above.
const (
	firstPort  = 9000
	blockPorts = 100
	portBlocks = 10
	portTries  = 20
	upTime     = 2 * time.Minute
	downTime   = time.Minute
)

// Place is where a cluster for one run is made, and what it is like.
type Place struct {
	Regions []string // nil: the usual ones
	Nodes   int      // of each Region; 0: the usual number
	Port    int      // of the front door; 0: any that is free
	Program cluster.Program
	Note    func(format string, args ...any)
}

// Own starts a cluster of processes in a folder of its own. end takes it down and removes the folder.
func Own(ctx context.Context, p Place) (c *cluster.Cluster, end func() error, err error) {
	folder, err := os.MkdirTemp("", "meridian-chaos-")
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(folder, "cluster")
	silent := func(string, ...any) {}
	for range portTries {
		o := cluster.Options{Regions: p.Regions, Nodes: p.Nodes, Port: p.Port}
		if o.Port == 0 {
			o.Port = firstPort + blockPorts*rand.IntN(portBlocks)
		}
		if c, err = cluster.Prepare(dir, o, p.Program, silent); err == nil || p.Port != 0 || errors.Is(err, cluster.ErrUsage) {
			break
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	end = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTime)
		defer cancel()
		_, err := cluster.Down(ctx, dir, silent)
		if err != nil {
			return fmt.Errorf("take the cluster in %s down: %w", dir, err)
		}
		return os.RemoveAll(folder)
	}
	p.Note("starting a cluster in %s", dir)
	limit, cancel := context.WithTimeout(ctx, upTime)
	defer cancel()
	if err = c.Detach(limit); err == nil {
		err = c.AwaitReady(limit)
	}
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return c, end, nil
}

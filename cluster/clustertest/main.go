package clustertest

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"meridian/cluster"
	"meridian/cluster/layout"
)

// Main runs this process as a part of a cluster if its command line says so, and ends it; otherwise it returns. A
// test binary calls it first in TestMain: the cluster starts the binary again for each process.
func Main() {
	if len(os.Args) < 2 {
		return
	}
	role := os.Args[1]
	switch role {
	case "node", "front", "supervise":
	default:
		return
	}
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	data, name := flags.String("data", "", ""), flags.String("name", "", "")
	_ = flags.Parse(os.Args[2:]) // it exits on an error
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, role, *data, *name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, role, data, name string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if role == "node" {
		return Node(ctx, layout.Dir(data), name, log)
	}
	p, err := cluster.ThisProgram()
	if err != nil {
		return err
	}
	c, err := cluster.Open(data, p, func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) })
	if err != nil {
		return err
	}
	if role == "supervise" {
		return c.Supervise(ctx)
	}
	return cluster.NewFrontDoor(c.File, cluster.DefaultTempo(), log).Run(ctx)
}

// FreePort finds a port for a front door with all ports above it free that a cluster of that size needs.
func FreePort(regions, nodes int) (int, error) {
	for range 200 {
		port := 12000 + 10*rand.IntN(1500) // below those that the kernel gives to clients
		if free(port, regions, nodes) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no room for %d Regions of %d nodes", regions, nodes)
}

func free(port, regions, nodes int) bool {
	ports := []int{port}
	for i := 1; i <= regions; i++ {
		ports = append(ports, layout.RegionPort(port, i))
		for n := 1; n <= nodes; n++ {
			p := layout.NodePort(port, i, n)
			ports = append(ports, p, p+layout.InternalOffset, p+layout.NATSOffset)
		}
	}
	for _, p := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(cluster.DefaultHost, strconv.Itoa(p)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

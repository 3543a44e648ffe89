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
	"path/filepath"
	"strconv"
	"sync"
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
	return cluster.NewFrontDoor(c.File, cluster.DefaultTempo(), log).Follow(c.Dir).Run(ctx)
}

// Blocks of ports for test clusters, below those that the kernel gives to clients. A cluster's KMS ports lie in one
// block of a thousand, its internal and NATS ports in the two after it, so blocks come in threes.
const (
	firstPort  = 12000
	portGroups = 5
	groupPorts = 3000
	blockPorts = 100
	blocks     = 10 // of a group
)

// FreePort finds a port for a front door with all ports above it free that a cluster of that size needs. The block is
// this process's until it ends: tests of several packages run at a time.
func FreePort(regions, nodes int) (int, error) {
	for _, n := range rand.Perm(portGroups * blocks) {
		port := firstPort + n/blocks*groupPorts + n%blocks*blockPorts
		if free(port, regions, nodes) && reserve(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no room for %d Regions of %d nodes", regions, nodes)
}

// reserve takes the lock of a block, or has it already; the end of this process gives it back.
func reserve(port int) bool {
	locks.Lock()
	defer locks.Unlock()
	if locks.held[port] != nil {
		return true
	}
	f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("meridian-test-ports-%d", port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return false
	}
	locks.held[port] = f
	return true
}

// locks are the blocks that this process holds: a closed file would give its block back.
var locks = struct {
	sync.Mutex
	held map[int]*os.File
}{held: map[int]*os.File{}}

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

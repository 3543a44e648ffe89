package e2e

import (
	"fmt"
	"net"
	"os"

	"meridian/cluster/layout"
)

// freePort finds a port P such that everything a cluster of that size derives from it is free. It looks below
// the range from which systems take the local ends of connections, starting at another place in each process.
func freePort(regions, nodes int) (int, error) {
	const from, to, step = 11000, 29000, 100
	start := os.Getpid() % ((to - from) / step)
	for i := range (to - from) / step {
		p := from + (start+i)%((to-from)/step)*step
		if allFree(portsOf(p, regions, nodes)) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("no free block of ports between %d and %d", from, to)
}

func portsOf(p, regions, nodes int) []int {
	ports := []int{p}
	for i := 1; i <= regions; i++ {
		ports = append(ports, layout.RegionPort(p, i))
		for n := 1; n <= nodes; n++ {
			kms := layout.NodePort(p, i, n)
			ports = append(ports, kms, kms+layout.InternalOffset, kms+layout.NATSOffset)
		}
	}
	return ports
}

func allFree(ports []int) bool {
	for _, p := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

//go:build !linux

package cluster

import (
	"os/exec"
	"strconv"
	"strings"
)

// look asks ps about a process. It cannot tell arguments with spaces apart, nor the working directory.
func look(pid int) (sighting, bool) {
	out, err := exec.Command("ps", "-o", "state=", "-o", "lstart=", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	fields := strings.Fields(string(out))
	const args = 6 // behind the state and five words of a date
	if err != nil || len(fields) <= args || strings.HasPrefix(fields[0], "Z") {
		return sighting{}, false
	}
	return sighting{
		Start:  strings.Join(fields[1:args], " "),
		Args:   fields[args:],
		Paused: strings.HasPrefix(fields[0], "T"),
	}, true
}

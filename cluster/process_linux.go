package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// look asks the kernel about a process. A zombie has ended.
func look(pid int) (sighting, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return sighting{}, false
	}
	// The second field, the name, may hold anything; those after it are counted from its end.
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return sighting{}, false
	}
	fields := strings.Fields(string(stat[i+1:]))
	const state, start = 0, 19
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return sighting{}, false
	}
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	for range 20 { // right after exec there is nothing yet
		if len(line) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
		line, _ = os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	}
	dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return sighting{
		Start:  fields[start],
		Args:   strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"),
		Dir:    dir,
		Paused: fields[state] == "T",
	}, true
}

package cluster

// StartOf tells tests when a process started, as a pid file says it.
func StartOf(pid int) string {
	p, _ := look(pid)
	return p.Start
}

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"meridian/cluster/layout"
)

// DefaultFolder is the folder of a command that names none.
const DefaultFolder = ".meridian"

// Program is how the processes of a cluster are started: this program, with a command for each role.
type Program struct {
	Path string   // of the executable
	Name string   // what the process calls itself
	Env  []string // nil: this process's
}

// ThisProgram is the program that runs.
func ThisProgram() (Program, error) {
	path, err := os.Executable()
	if err != nil {
		return Program{}, fmt.Errorf("find this program: %w", err)
	}
	return Program{Path: path, Name: os.Args[0]}, nil
}

// pidFile says which process works on a folder. Start tells it from a later process with the same pid.
type pidFile struct {
	Format int    `json:"format"`
	PID    int    `json:"pid"`
	Start  string `json:"start"`
}

// knowsProcesses refuses a cluster whose supervisor or front door a newer program started: who cannot read which process
// they are would take them for dead, and start others beside them.
func knowsProcesses(d layout.Dir) error {
	for _, r := range []role{supervisorRole(d), frontRole(d)} {
		if err := layout.KnownFormat(r.pid); err != nil {
			return err
		}
	}
	return nil
}

// role is a process that a cluster may have: where its pid file is, and what its command line holds.
type role struct {
	pid  string   // path of the pid file
	log  string   // path of its output
	args []string // command, without the folder
	dir  layout.Dir
}

func nodeRole(d layout.Dir, name string) role {
	n := d.Node(name)
	return role{pid: n.PID(), log: n.Log(), args: []string{"node", "--name", name}, dir: d}
}

func frontRole(d layout.Dir) role {
	return role{pid: d.FrontPID(), log: d.FrontLog(), args: []string{"front"}, dir: d}
}

func supervisorRole(d layout.Dir) role {
	return role{pid: d.SupervisorFile(), log: d.SupervisorLog(), args: []string{"supervise"}, dir: d}
}

// process is a live process of a cluster.
type process struct {
	pid    int
	start  string
	paused bool
}

// find returns the process of a role, if it lives and is ours.
func (r role) find() (process, bool) {
	var f pidFile
	b, err := os.ReadFile(r.pid)
	if err != nil || json.Unmarshal(b, &f) != nil || f.PID < 2 {
		return process{}, false
	}
	p, ok := look(f.PID)
	if !ok || p.Start != f.Start || !r.fits(p) {
		return process{}, false
	}
	return process{pid: f.PID, start: f.Start, paused: p.Paused}, true
}

// fits says whether a process works in this role on this folder.
func (r role) fits(p sighting) bool {
	folder, ok := argument(p.Args, "--data")
	if !ok {
		folder = DefaultFolder
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(p.Dir, folder)
	}
	if !sameFile(folder, string(r.dir)) {
		return false
	}
	if name, ok := argument(r.args, "--name"); ok {
		got, _ := argument(p.Args, "--name")
		return got == name && slices.Contains(p.Args, "node")
	}
	if r.args[0] == "supervise" { // `up` in the foreground supervises too
		return slices.Contains(p.Args, "supervise") || slices.Contains(p.Args, "up")
	}
	return slices.Contains(p.Args, r.args[0])
}

func sameFile(a, b string) bool {
	ia, err := os.Stat(a)
	if err != nil {
		return false
	}
	ib, err := os.Stat(b)
	return err == nil && os.SameFile(ia, ib)
}

// argument returns the value of a flag on a command line.
func argument(args []string, flag string) (string, bool) {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, flag+"="); ok {
			return v, true
		}
		if a == flag && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return "", false
}

// sighting is what the operating system says about a process.
type sighting struct {
	Start  string // when it started, in the system's own form
	Args   []string
	Dir    string // its working directory, where the system tells
	Paused bool
}

// claim writes the pid file of a role for a process. A process that just started may not show its final command
// line yet, so only its start is looked at. One that has ended already gets its pid file, too: without a start no
// process is taken for it, and whoever waits for it finds that it ended, and why.
func (r role) claim(pid int) error {
	p, _ := look(pid)
	return layout.WriteFile(r.pid, pidFile{Format: layout.Format, PID: pid, Start: p.Start}, 0o644)
}

// release removes the pid file: nothing of this role should run.
func (r role) release() error {
	if err := os.Remove(r.pid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// startMark begins the line of a log that a start writes.
const startMark = "--- start "

// start starts the process of a role, its output appended to its log. It gets a session of its own, not only a
// process group: otherwise the end of its parent would hang up a paused one.
func (r role) start(p Program) (*exec.Cmd, error) {
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// What follows belongs to this start: its reasons are not mixed with those of an earlier one.
	fmt.Fprintf(log, "%s%s\n", startMark, time.Now().UTC().Format(time.RFC3339))
	args := append(slices.Clone(r.args), "--data", string(r.dir))
	cmd := &exec.Cmd{
		Path: p.Path, Args: append([]string{p.Name}, args...), Env: p.Env,
		Stdout: log, Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", strings.Join(r.args, " "), err)
	}
	if err := r.claim(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return cmd, nil
}

// Claim makes the process that calls it the one that works on a node's folder (or, with an empty name, as the
// front door). It fails if another one does.
func Claim(d layout.Dir, node string) error {
	r := frontRole(d)
	if node != "" {
		r = nodeRole(d, node)
	}
	if p, ok := r.find(); ok && p.pid != os.Getpid() {
		return fmt.Errorf("%s is at work already, as process %d", strings.Join(r.args, " "), p.pid)
	}
	return r.claim(os.Getpid())
}

// signal sends a signal to a process that is still the one that was found.
func (r role) signal(p process, s syscall.Signal) error {
	if now, ok := r.find(); !ok || now.pid != p.pid || now.start != p.start {
		return os.ErrProcessDone
	}
	return syscall.Kill(p.pid, s)
}

// await waits until a process is gone, at most for so long.
func (r role) await(p process, d time.Duration) bool {
	return poll(d, func() bool {
		now, ok := look(p.pid)
		return !ok || now.Start != p.start
	})
}

// poll asks until the answer is yes, at most for so long.
func poll(d time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(d); !done(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

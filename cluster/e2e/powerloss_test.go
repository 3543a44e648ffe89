package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/clustertest"
)

// TestRealPowerLoss takes the power from a Region of one node: its files are on a file system of their own in an
// image, whose copy, made while the node stands still, holds what a disk would have held at that instant, and no more.
// Started from the copy, after the journal's replay, it has every key that was acknowledged.
func TestRealPowerLoss(t *testing.T) {
	dir := t.TempDir()
	d := &disk{image: filepath.Join(dir, "disk.img"), at: filepath.Join(dir, "mnt")}
	if err := d.make(); err != nil {
		t.Skipf("no file system of its own can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = d.unmount() })
	port, err := clustertest.FreePort(1, 1)
	ok(t, err)
	c := &cluster{data: filepath.Join(d.at, "cluster"), port: port}
	t.Cleanup(func() { _, _ = c.run("down") })

	losses := 1
	if s := os.Getenv("MERIDIAN_POWER_LOSSES"); s != "" {
		losses, err = strconv.Atoi(s)
		ok(t, err)
	}
	acknowledged := map[string]bool{}
	for i := range losses {
		c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east, "--nodes", "1")
		client := c.clientAt(east, c.node(east, 1), 1)
		for key := range acknowledged {
			if _, err := describe(t, c.clientAt(east, c.node(east, 1), 15), key); err != nil {
				t.Fatalf("loss %d: key %s was acknowledged: %v", i, key, err)
			}
		}
		w := &loads{}
		for range 4 {
			w.running.Go(func() { w.run(t, client) })
		}
		eventually(t, 30*time.Second, "keys are made", func() error {
			if n := len(w.keys()); n < 10+i%17 {
				return fmt.Errorf("%d keys", n)
			}
			return nil
		})
		c.do(t, "pause", east+"/1")
		ok(t, copyFile(d.image, d.image+".cut"))
		c.do(t, "kill", east+"/1")
		w.running.Wait() // their calls end with the process
		for _, key := range w.keys() {
			acknowledged[key] = true
		}
		c.do(t, "down")
		eventually(t, time.Minute, "every process has let go of its files", d.unmount) // one that was killed may not be gone
		ok(t, os.Rename(d.image+".cut", d.image))
		ok(t, d.mount())
	}
	c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east, "--nodes", "1")
	for key := range acknowledged {
		if _, err := describe(t, c.clientAt(east, c.node(east, 1), 15), key); err != nil {
			t.Errorf("key %s was acknowledged: %v", key, err)
		}
	}
	c.do(t, "verify")
	c.do(t, "down")
	t.Logf("%d power losses, %d keys acknowledged, all there", losses, len(acknowledged))
}

// disk is an ext4 file system in an image file.
type disk struct{ image, at string }

func (d *disk) make() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("only root may mount")
	}
	if err := os.Mkdir(d.at, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(d.image, 192<<20); err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return d.mount()
}

func (d *disk) mount() error {
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}

func (d *disk) unmount() error {
	if out, err := exec.Command("umount", d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, out)
	}
	return nil
}

// copyFile copies an image without filling its holes.
func copyFile(from, to string) error {
	if out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}

// loads make keys until a call fails, and remember those that were acknowledged.
type loads struct {
	running sync.WaitGroup
	mu      sync.Mutex
	made    []string
}

func (l *loads) run(t *testing.T, client *kms.Client) {
	for {
		out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			return
		}
		l.mu.Lock()
		l.made = append(l.made, *out.KeyMetadata.KeyId)
		l.mu.Unlock()
	}
}

func (l *loads) keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.made...)
}

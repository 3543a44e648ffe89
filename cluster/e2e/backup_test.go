package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/clustertest"
	"meridian/cluster/layout"
)

// restored is what restore prints of a Region.
type restored struct {
	Region    string
	Seq, From uint64
	Life      uint64
	Lost      []string
}

// TestBackupAndRestore backs two Regions up while they work, makes a new cluster of the files, and another one of what
// was there at an earlier record.
func TestBackupAndRestore(t *testing.T) {
	c := breakable(t)
	us := c.client(east)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	blob := encrypt(t, us, key, "before", nil)
	c.do(t, "lag", "--wait-converged", "--timeout", "60s")
	early := seqOf(t, c, east)
	late := createKey(t, us, false)

	w := &writers{name: unique("backup")}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(t, c.patient(east), 0, stop) })
	t.Cleanup(running.Wait)
	halt := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(halt)
	w.progress(t, 5)
	files := t.TempDir()
	eastFile, westFile := filepath.Join(files, "east"), filepath.Join(files, "west")
	c.do(t, "backup", east, eastFile)
	c.do(t, "backup", west, westFile)
	halt()
	running.Wait()
	if _, err := c.run("backup", east, eastFile); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("wrote over a backup: %v", err)
	}

	if _, err := c.run("backup", east, filepath.Join(files, "no", "folder")); err == nil || !strings.Contains(err.Error(), "name another place") || strings.Count(err.Error(), "no such file") != 1 {
		t.Errorf("a backup into nothing: %v", err)
	}
	b, err := os.ReadFile(eastFile)
	ok(t, err)
	refuses := func(says string, args ...string) {
		t.Helper()
		nowhere := &cluster{data: filepath.Join(t.TempDir(), "new")}
		if _, err := nowhere.run(append([]string{"restore", "--port", "20777"}, args...)...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("restore %v: %v, want %q", args, err, says)
		}
		if _, err := os.Stat(nowhere.data); err == nil {
			t.Errorf("restore %v left a folder", args)
		}
	}
	spoilt := filepath.Join(files, "spoilt")
	for _, bad := range []struct {
		what  string
		bytes []byte
		says  string
	}{
		{"a bit flipped", slices.Concat(b[:len(b)/2], []byte{b[len(b)/2] ^ 1}, b[len(b)/2+1:]), "in the frame at byte "},
		{"cut short", b[:len(b)*2/3], "use another backup"},
		{"goes on", append(slices.Clone(b), "more"...), "goes on after its trailer"},
		{"empty", nil, "is damaged, or no backup"},
		{"something else", []byte("PK\x03\x04 and so on and so forth"), "is damaged, or no backup"},
		{"of a newer version", slices.Concat(b[:8], []byte{99}, b[9:]), "newer format: the snapshot has format 99, this build reads up to 1: restore it with the version"},
	} {
		ok(t, os.WriteFile(spoilt, bad.bytes, 0o600))
		refuses(bad.says, spoilt, "--keys", c.data)
	}
	refuses("both backups of "+east, eastFile, eastFile, "--keys", c.data)
	refuses("it ends with record", eastFile, "--keys", c.data, "--until", east+"=999999")
	refuses("a backup does not hold it", eastFile)
	refuses("is the key ring of "+west, eastFile, "--keys", string(layout.Dir(c.data).Node(layout.NodeName(west, 1))))
	refuses("no Region has a record up to that time", eastFile, "--keys", c.data, "--until", "1999-01-01T00:00:00Z")
	refuses("neither a time", eastFile, "--keys", c.data, "--until", "yesterday")

	// All of it: both Regions go on, and with each other.
	next, done := restoreInto(t, c, 2, eastFile, westFile)
	for _, r := range done {
		if r.Seq != r.From || r.Life < 2 || len(r.Lost) > 0 {
			t.Errorf("restored %+v", r)
		}
	}
	for _, region := range []string{east, west} {
		if got := decrypt(t, next.patient(region), blob, nil); string(got.Plaintext) != "before" {
			t.Errorf("decrypted %q", got.Plaintext)
		}
	}
	if _, err := describe(t, next.client(east), late); err != nil {
		t.Error(err)
	}
	eventually(t, 90*time.Second, east+" gives the role up", func() error { // once it has heard what the other Region has
		_, err := next.patient(east).UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: aws.String(west)})
		return err
	})
	awaitPrimary(t, next, key, west, east, west)
	next.do(t, "verify")

	// As it was before the last key.
	then, done := restoreInto(t, c, 1, eastFile, "--until", east+"="+strconv.FormatUint(early, 10))
	if len(done) != 1 || done[0].Seq != early {
		t.Errorf("restored %+v, wanted record %d", done, early)
	}
	if got := decrypt(t, then.patient(east), blob, nil); string(got.Plaintext) != "before" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	_, err = describe(t, then.client(east), late)
	refused(t, err, "NotFoundException")
	then.do(t, "verify")
}

// restoreInto makes a cluster of backups with the key rings of c, and starts it.
func restoreInto(t *testing.T, c *cluster, regions int, args ...string) (*cluster, []restored) {
	t.Helper()
	port, err := clustertest.FreePort(regions, 1)
	ok(t, err)
	next := &cluster{data: filepath.Join(t.TempDir(), "cluster"), port: port}
	var done []restored
	all := append([]string{"restore", "--keys", c.data, "--nodes", "1", "--port", strconv.Itoa(port), "-o", "json"}, args...)
	parse(t, next.do(t, all...), &done)
	t.Cleanup(next.purge)
	next.do(t, "up", "--detach")
	return next, done
}

// seqOf is the newest record of a Region.
func seqOf(t *testing.T, c *cluster, region string) (seq uint64) {
	t.Helper()
	for _, r := range c.status(t) {
		for _, n := range r.Nodes {
			if r.Region == region {
				seq = max(seq, n.Seq)
			}
		}
	}
	return seq
}

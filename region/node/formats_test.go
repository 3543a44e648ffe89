package node_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc64"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/cockroachdb/pebble/v2"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"meridian/cluster/layout"
	"meridian/region/keystore"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// file is a kind of file in a cluster's folder.
type file struct {
	path  string // a regular expression that its path in the folder matches
	newer func(t *testing.T, path string)
	says  string // what is said of a newer one, beside its name; empty: why has the reason that nothing is
	why   string
	reads func(path string) error // nil: a node that starts reads it
}

// files are all kinds of files of a cluster's folder. What has a format of its own is refused where it is newer.
var files = []file{
	{path: `cluster.json`, newer: jsonFormat, says: "has format 99, this program knows up to 1"},
	{path: `faults.json`, newer: jsonFormat, says: "has format 99, this program knows up to 1"},
	{path: `dials.json`, newer: jsonFormat, says: "it has format 99, this program knows up to 1"},
	{path: `session.key`, newer: rootFormat, says: "it has version 99, this build reads up to 1"},
	{path: `NODE/node.json`, newer: jsonFormat, says: "has format 99, this program knows up to 1"},
	{path: `NODE/root.key`, newer: rootFormat, says: "it has version 99, this build reads up to 1"},
	{path: `NODE/keystore`, newer: keystoreFormat, says: "it has version 99, this build reads up to 1"},
	{path: `NODE/admin.json`, newer: jsonFormat, says: "has format 99, this program knows up to 1", reads: func(path string) error {
		_, err := layout.ReadAdmin(layout.NodeDir(filepath.Dir(path)))
		return err
	}},
	{path: `NODE/state/CURRENT`, newer: currentFormat, says: "it has format 99, this build reads up to 1"},
	{path: `NODE/state/gen-\d+/marker.format-version.*`, newer: pebbleFormat, says: "format major version 99"},
	{path: `NODE/state/gen-\d+/\d+\.sst`, newer: metaFormat, says: "it has format 99, this build reads up to 1"},
	{path: `NODE/state/gen-\d+/(\d+\.log|MANIFEST-\d+|OPTIONS-\d+|marker.manifest.*|LOCK)`, why: "Pebble's, of the version that marker.format-version names"},
	{path: `NODE/raft/raft.db`, newer: raftFormat, says: "it has format 99, this build reads up to 2"},
	{path: `NODE/raft/snapshots/[^/]+/state.bin`, newer: snapshotFormat, says: "has format 99, this build reads up to 1"},
	{path: `NODE/raft/snapshots/[^/]+/meta.json`, why: "Raft's own; it is compared with the head of state.bin"},
	{path: `NODE/audit/.*`, why: "written here and never read by a node; each record names the version of its form"},
	{path: `[a-z0-9-]+/audit/.*`, why: "the same, of nodes that are gone"},
	{path: `supervisor.json|front.pid`, newer: jsonFormat, says: "has format 99, this program knows up to 1", reads: layout.KnownFormat},
	{path: `NODE/(log|pid|exit.json)`, why: "for people, and for who started the process"},
	{path: `(identity|throttle).yaml`, why: "written by people; a member that this build does not know is refused by its line"},
	{path: `attestation-roots.pem`, why: "certificates"},
}

// TestNewerFormats: whatever a newer program wrote is refused by a line that names the file, the version in it and the
// one that this build knows, and says which program to use: nothing is wrong with the node. And there is no file in a
// cluster's folder that this does not know about.
func TestNewerFormats(t *testing.T) {
	const name = "us-east-1/1"
	c := nodetest.NewWith(t, func(c *node.Config) { c.Snapshots.Threshold, c.Snapshots.Interval = 4, 50*time.Millisecond }, 1, "us-east-1")
	c.Ready()
	var snapshots []string
	c.Eventually("there is a snapshot", func() bool {
		if _, err := c.Client(name).CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
		snapshots, _ = filepath.Glob(filepath.Join(c.Dir.Node(name).Raft(), "snapshots", "*-*[0-9]", "state.bin")) // the pattern is right
		return len(snapshots) > 0
	})
	c.Stop(name)
	for path, text := range map[string]string{c.Dir.FaultsFile(): `{"format":1}`, c.Dir.DialsFile(): `{"format":1}`, c.Dir.SupervisorFile(): `{"format":1}`, c.Dir.FrontPID(): `{"format":1}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	met := map[string]bool{}
	for _, path := range pathsUnder(t, string(c.Dir)) {
		kind, ok := kindOf(path)
		switch {
		case !ok:
			t.Errorf("%s is a file of which it is not said here what becomes of a newer one", path)
		case kind.says == "" && kind.why == "":
			t.Errorf("%s: neither refused nor explained", path)
		case kind.says != "" && !met[kind.path]:
			met[kind.path] = true
			t.Run(path, func(t *testing.T) { refusesNewer(t, c, name, kind, path) })
		}
	}
	for _, kind := range files {
		if kind.says != "" && !met[kind.path] {
			t.Errorf("there was no %s to try", kind.path)
		}
	}
}

// refusesNewer tries a kind of file in a copy of the folder.
func refusesNewer(t *testing.T, c *nodetest.Cluster, name string, kind file, path string) {
	copied := copyOf(t, c)
	path = filepath.Join(string(copied.Dir), path)
	kind.newer(t, path)
	err := error(nil)
	if kind.reads != nil {
		err = kind.reads(path)
	} else {
		var n *node.Node
		if n, err = start(copied, name); err == nil {
			n.Close()
		}
	}
	if err == nil {
		t.Fatal("it was read")
	}
	t.Log(strings.ReplaceAll(err.Error(), string(copied.Dir), "DIR"))
	names := filepath.Base(path)
	if strings.Contains(path, "/raft/") { // its files are told apart by what is said
		names = "/raft"
	} else if strings.Contains(path, "/state/") {
		names = "/state"
	}
	for _, want := range []string{names, kind.says, "newer"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "meridian replace") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it says: %v", err)
	}
}

// TestNewerBackup: a backup is a snapshot, and is refused like one.
func TestNewerBackup(t *testing.T) {
	_, err := keystore.Inspect(strings.NewReader("MRDSTATE\x63and whatever comes with that"))
	if !errors.Is(err, keystore.ErrNewer) || !strings.Contains(err.Error(), "format 99, this build reads up to 1") {
		t.Error(err)
	}
}

func kindOf(path string) (file, bool) {
	for _, kind := range files {
		if regexp.MustCompile(`^` + strings.Replace(kind.path, "NODE", `[a-z0-9-]+/\d`, 1) + `$`).MatchString(path) {
			return kind, true
		}
	}
	return file{}, false
}

func pathsUnder(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// change rewrites a file.
func change(t *testing.T, path string, f func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		changed := f(bytes.Clone(b))
		if bytes.Equal(changed, b) {
			t.Fatalf("%s did not change", path)
		}
		err = os.WriteFile(path, changed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func jsonFormat(t *testing.T, path string) {
	change(t, path, func(b []byte) []byte {
		return regexp.MustCompile(`"format":\s*1`).ReplaceAll(b, []byte(`"format":99`))
	})
}

func rootFormat(t *testing.T, path string) {
	change(t, path, func(b []byte) []byte {
		return append([]byte("meridian-root-key 99\n"), "of another form"...)
	})
}

func keystoreFormat(t *testing.T, path string) {
	change(t, path, func(b []byte) []byte {
		binary.BigEndian.PutUint16(b[len("MERIDIANKEYS"):], 99)
		return b
	})
}

func currentFormat(t *testing.T, path string) {
	change(t, path, func(b []byte) []byte {
		return bytes.Replace(b, []byte("meridian-state 1 "), []byte("meridian-state 99 "), 1)
	})
}

// pebbleFormat gives the database's own marker, whose name is its content, a version of the future.
func pebbleFormat(t *testing.T, path string) {
	if err := os.Rename(path, regexp.MustCompile(`\d+$`).ReplaceAllString(path, "099")); err != nil {
		t.Fatal(err)
	}
}

// metaFormat changes the format in the row that says what the store is.
func metaFormat(t *testing.T, path string) {
	db, err := pebble.Open(filepath.Dir(path), &pebble.Options{FormatMajorVersion: pebble.FormatTableFormatV6, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	meta, closer, err := db.Get([]byte("x/meta"))
	if err != nil {
		t.Fatal(err)
	}
	meta = append([]byte{99}, meta[1:]...)
	if err := errors.Join(closer.Close(), db.Set([]byte("x/meta"), meta, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func raftFormat(t *testing.T, path string) {
	db, err := raftboltdb.New(raftboltdb.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.SetUint64([]byte("meridian/format"), 99), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// snapshotFormat changes the format of all snapshots: a node looks at its newest alone.
func snapshotFormat(t *testing.T, path string) {
	all, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(path)), "*", "state.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		stateFormat(t, path)
	}
}

// stateFormat changes the format of a state, and the checksum that Raft keeps of it.
func stateFormat(t *testing.T, path string) {
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	change(t, path, func(b []byte) []byte {
		at := bytes.Index(b, []byte("MRDSTATE")) + len("MRDSTATE")
		b[at] = 99
		sum.Write(b)
		return b
	})
	change(t, filepath.Join(filepath.Dir(path), "meta.json"), func(b []byte) []byte {
		var meta map[string]any
		if err := json.Unmarshal(b, &meta); err != nil {
			t.Fatal(err)
		}
		meta["CRC"] = sum.Sum(nil)
		b, err := json.Marshal(meta)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

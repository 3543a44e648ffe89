package layout

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func example() *Cluster {
	c := &Cluster{Format: Format, ID: "c-1", Host: "127.0.0.1", Port: 4566}
	for i, region := range []string{"us-east-1", "us-gov-west-1"} {
		r := Region{Name: region, Port: RegionPort(c.Port, i+1)}
		for n := 1; n <= 3; n++ {
			port := NodePort(c.Port, i+1, n)
			r.Nodes = append(r.Nodes, Node{
				Name: NodeName(region, n), ID: region + "-id", KMS: c.Addr(port),
				Internal: c.Addr(port + InternalOffset), NATS: c.Addr(port + NATSOffset),
			})
		}
		c.Regions = append(c.Regions, r)
	}
	return c
}

func TestClusterFileRoundTrip(t *testing.T) {
	d, want := Dir(t.TempDir()), example()
	if _, err := ReadCluster(d); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if err := WriteCluster(d, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCluster(d)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if files, _ := os.ReadDir(string(d)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	if n, ok := got.Node("us-gov-west-1/2"); !ok || n.KMS != "127.0.0.1:4588" || n.Internal != "127.0.0.1:5588" || n.NATS != "127.0.0.1:6588" {
		t.Errorf("node: %+v, %v", n, ok)
	}
	for _, name := range []string{"us-east-1/4", "us-east-1", "mars-1/1", ""} {
		if n, ok := got.Node(name); ok {
			t.Errorf("%q is %+v", name, n)
		}
	}
}

func TestBadClusterFilesAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Cluster)
		says  string
	}{
		{"newer", func(c *Cluster) { c.Format = 2 }, "newer version"},
		{"no format", func(c *Cluster) { c.Format = 0 }, "no format"},
		{"a name that leads out", func(c *Cluster) { c.Regions[0].Name = "../etc" }, "not the name of a Region"},
		{"a node of another Region", func(c *Cluster) { c.Regions[0].Nodes[0].Name = "us-gov-west-1/1" }, "is called"},
		{"a Region twice", func(c *Cluster) { c.Regions[1] = c.Regions[0] }, "twice"},
		{"no Regions", func(c *Cluster) { c.Regions = nil }, "0 Regions"},
		{"too many nodes", func(c *Cluster) { c.Regions[0].Nodes = make([]Node, 10) }, "10 nodes"},
		{"an address without a port", func(c *Cluster) { c.Regions[0].Nodes[0].NATS = "127.0.0.1" }, "missing port"},
		{"a number twice", func(c *Cluster) { c.Regions[0].Nodes[1].Name = "us-east-1/1" }, "node 2 is called"},
		{"numbers that fall", func(c *Cluster) { c.Regions[0].Nodes[0].Name = "us-east-1/9" }, "node 2 is called"},
		{"a number beyond the last", func(c *Cluster) { c.Regions[0].Nodes[2].Name = "us-east-1/10" }, "is called"},
		{"a number written twice as long", func(c *Cluster) { c.Regions[0].Nodes[2].Name = "us-east-1/03" }, "is called"},
		{"nobody who votes", func(c *Cluster) {
			for i := range c.Regions[0].Nodes {
				c.Regions[0].Nodes[i].ReadReplica = true
			}
		}, "read replicas alone"},
		{"ports beyond the last", func(c *Cluster) { c.Port = 65000 }, "port 65000"},
		{"no id", func(c *Cluster) { c.ID = "" }, "no cluster id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, c := Dir(t.TempDir()), example()
			tc.spoil(c)
			if err := WriteFile(d.ClusterFile(), c, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadCluster(d)
			if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "cluster.json") {
				t.Errorf("%v, want the file and %q", err, tc.says)
			}
		})
	}
	d := Dir(t.TempDir())
	os.WriteFile(d.ClusterFile(), []byte(`{"format":1,`), 0o644)
	if _, err := ReadCluster(d); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("half a file: %v", err)
	}
}

// TestNodesComeAndGo: a node in the middle may be missing, and a read replica is not among the voters.
func TestNodesComeAndGo(t *testing.T) {
	d, c := Dir(t.TempDir()), example()
	r := &c.Regions[0]
	r.Nodes = append(r.Nodes[:1], r.Nodes[2:]...)
	last := r.Nodes[1]
	last.Name, last.ReadReplica = "us-east-1/9", true
	r.Nodes = append(r.Nodes, last)
	if err := WriteCluster(d, c); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCluster(d)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("read %+v, %v", got, err)
	}
	var voters []string
	for _, n := range got.Regions[0].Voters() {
		voters = append(voters, n.Name)
	}
	if want := []string{"us-east-1/1", "us-east-1/3"}; !reflect.DeepEqual(voters, want) {
		t.Errorf("voters %v, want %v", voters, want)
	}
}

func TestWriteFileKeepsTheOldOneOnFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	if err := WriteFile(path, 1, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, func() {}, 0o600); err == nil {
		t.Error("a function was written")
	}
	info, err := os.Stat(path)
	b, _ := os.ReadFile(path)
	if err != nil || info.Mode().Perm() != 0o600 || string(b) != "1\n" {
		t.Errorf("%v %q %v", info.Mode(), b, err)
	}
}

func TestRegionNames(t *testing.T) {
	for name, good := range map[string]bool{
		"us-east-1": true, "ap-southeast-2": true, "us-gov-west-1": true, "cn-north-1": true, "us-iso-east-1": true,
		"": false, "us": false, "US-EAST-1": false, "us-east-1/1": false, "us-east-1\n": false, "us-east-": false, ".": false,
	} {
		if err := CheckRegion(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzDecodeCluster(f *testing.F) {
	b, _ := json.Marshal(example())
	f.Add(b)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := new(Cluster)
		if decode("cluster.json", b, c) != nil || c.Validate() != nil {
			return
		}
		for _, r := range c.Regions {
			for _, n := range r.Nodes {
				rel, err := filepath.Rel("dir", string(Dir("dir").Node(n.Name)))
				if err != nil || !filepath.IsLocal(rel) {
					t.Fatalf("node %q leads to %q", n.Name, rel)
				}
			}
		}
	})
}

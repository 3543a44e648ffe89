package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// Identity is an identity file that was read and is in order.
type Identity struct {
	Path string // where it came from
	Text []byte
}

// changeIdentity puts an identity file into the cluster's folder and remembers where it came from. Nodes that run take
// it up by themselves.
func (c *Cluster) changeIdentity(f *Identity) error {
	if f == nil {
		return nil
	}
	if err := writeIdentity(c.Dir, f); err != nil {
		return err
	}
	path, err := filepath.Abs(f.Path)
	if err != nil || path == c.File.Identity {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	file, err := layout.ReadCluster(c.Dir) // as it is now: others may have changed it
	if err != nil {
		return err
	}
	file.Identity, c.File.Identity = path, path
	return layout.WriteCluster(c.Dir, file)
}

// writeIdentity writes the file by rename, for the owner alone: it holds secrets.
func writeIdentity(d layout.Dir, f *Identity) error {
	if f == nil {
		return nil
	}
	temp, err := os.CreateTemp(string(d), ".identity-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already if all went well
	_, err = temp.Write(f.Text)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), d.IdentityFile())
}

// NodeIdentity says which identity file a node goes by.
type NodeIdentity struct {
	Node   string `json:"node"`
	Digest string `json:"digest"`          // SHA-256, hexadecimal; empty: there is none
	Error  string `json:"error,omitempty"` // why the newest one is not in force, or the node's silence
}

// ReloadIdentity puts an identity file in force at every node that runs and says what became of it. Nil: the one in
// the folder is read again.
func (c *Cluster) ReloadIdentity(ctx context.Context, f *Identity) ([]NodeIdentity, error) {
	if err := c.changeIdentity(f); err != nil {
		return nil, err
	}
	names := c.running()
	said := make([]NodeIdentity, len(names))
	done := make(chan struct{})
	for i, name := range names {
		go func() {
			said[i] = c.reloadAt(ctx, name)
			done <- struct{}{}
		}()
	}
	var failed error
	for range names {
		<-done
	}
	for _, s := range said {
		if s.Error != "" {
			failed = errors.Join(failed, fmt.Errorf("%s: %s", s.Node, s.Error))
		}
	}
	return said, failed
}

func (c *Cluster) reloadAt(ctx context.Context, name string) NodeIdentity {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return NodeIdentity{Node: name, Error: err.Error()}
	}
	s, err := client.ReloadIdentity(ctx)
	if err != nil {
		return NodeIdentity{Node: name, Error: err.Error()}
	}
	return NodeIdentity{Node: name, Digest: s.Digest, Error: s.Error}
}

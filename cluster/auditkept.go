package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"meridian/cluster/layout"
)

// Who called what stays known when the node that answered is gone: before a node's folder is put aside or deleted its
// record of calls goes to its Region's, where nothing deletes it.

// keepAudit moves the record of calls in a node's folder to where it outlives the node. It is done when there is none.
func keepAudit(place string, at time.Time) error {
	from := layout.NodeDir(place).Audit()
	kept := filepath.Join(filepath.Dir(place), "audit")
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return fmt.Errorf("keep the record of calls of %s: %w", place, err)
	}
	if err := os.Rename(from, filepath.Join(kept, filepath.Base(place)+"-"+at.UTC().Format(asideStamp))); err != nil {
		return fmt.Errorf("keep the record of calls of %s: %w", place, err)
	}
	return nil
}

// auditFolders are the folders of a Region that may have records of calls: its nodes', and those of nodes that are gone.
func (c *Cluster) auditFolders(r *layout.Region) (dirs []string, err error) {
	for _, n := range r.Nodes {
		dirs = append(dirs, c.Dir.Node(n.Name).Audit())
	}
	kept := c.Dir.KeptAudit(r.Name)
	entries, err := os.ReadDir(kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("records of calls of nodes that are gone: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(kept, e.Name()))
		}
	}
	return dirs, nil
}

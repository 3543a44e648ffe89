package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/keyengine/keyring"
)

// Replacement is what Replace did.
type Replacement struct {
	Name  string `json:"name"`
	OldID string `json:"oldId"`
	ID    string `json:"id"`
	Lost  string `json:"lost,omitempty"` // where the old folder is now; empty: there was none
}

// Replace makes a node anew whose disk is lost or damaged: a new member of its Region with a new id, an empty log
// and the old addresses. It returns when the new node has its vote and is ready. The old folder is put aside.
//
// A node that runs is replaced only with force. Whatever ends Replace early, the same call again goes on from there
// or begins anew: the Region is one voter short meanwhile, and nothing else.
func (c *Cluster) Replace(ctx context.Context, name string, force bool) (Replacement, error) {
	r, err := c.newReplacer(name)
	if err != nil {
		return Replacement{}, err
	}
	unlock, err := c.claimRegion(r.region.Name)
	if err != nil {
		return Replacement{}, err
	}
	defer unlock()
	p, runs := c.node(name).find()
	if runs && !p.paused && r.joins(ctx) {
		c.Note("node %s joins its Region already: going on from there", name)
	} else {
		if runs && !force {
			return Replacement{}, fmt.Errorf("node %s runs (process %d): stop it first if its disk is at fault, or use --force", name, p.pid)
		}
		if err := r.replace(ctx); err != nil {
			return Replacement{}, err
		}
	}
	if err := r.join(ctx); err != nil {
		return r.did, err
	}
	return r.did, r.awaitJoined(ctx)
}

// replacer replaces one node.
type replacer struct {
	*changer
	did Replacement
}

func (c *Cluster) newReplacer(name string) (*replacer, error) {
	if err := c.checkNode(name, "replace"); err != nil {
		return nil, err
	}
	n, _ := c.File.Node(name)
	region, _ := c.File.Region(layout.RegionOf(name))
	switch {
	case len(region.Nodes) == 1:
		return nil, fmt.Errorf("node %s is all of %s: there is no other node to make it anew from", name, region.Name)
	case !region.Bootstrapped:
		return nil, fmt.Errorf("%s was never complete: bring it up first with `meridian up`", region.Name)
	}
	return &replacer{
		changer: &changer{Cluster: c, region: *region, target: *n, again: "meridian replace " + name},
		did:     Replacement{Name: name, OldID: n.ID, ID: n.ID},
	}, nil
}

// claimRegion keeps others from changing the nodes of a Region meanwhile.
func (c *Cluster) claimRegion(name string) (unlock func(), err error) {
	f, err := os.Open(filepath.Join(string(c.Dir), name))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the nodes of %s are being changed by another command", name)
	}
	return func() { f.Close() }, nil
}

// joins says whether the node runs, and is yet to be a member, or to get its vote: what an earlier call left.
func (r *changer) joins(ctx context.Context) bool {
	s, err := r.status(ctx, r.target.Name)
	if err != nil || s.ID != r.target.ID {
		return false
	}
	if f, err := layout.ReadNode(r.Dir.Node(r.target.Name)); err == nil && f.Joining {
		return true
	}
	client, err := r.leaderClient(ctx)
	if err != nil {
		return false
	}
	list, err := r.members(ctx, client)
	return err == nil && !r.target.ReadReplica && slices.Contains(list, control.Member{ID: r.target.ID, Addr: r.target.Internal})
}

// replace puts a new node with a new id in the place of the old one, and starts it. What can fail without harm comes
// first. From the removal of the old id on only this call, or its repetition, can bring the node back.
func (r *replacer) replace(ctx context.Context) error {
	next := r.target
	next.ID = uuid.NewString()
	temp, err := r.makeFolder(next)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // moved away if all went well
	if err := r.removeOld(ctx); err != nil {
		return err
	}
	if err := r.endOld(ctx); err != nil {
		return err
	}
	if err := r.swapFolders(temp); err != nil {
		return err
	}
	if err := r.enter(next); err != nil {
		return err
	}
	r.target, r.did.ID = next, next.ID
	r.Note("node %s is %s from now on", next.Name, next.ID)
	if err := r.launch(next.Name); err != nil {
		return err
	}
	return r.awaitAdmin(ctx)
}

// makeFolder makes the folder of the new node beside its place: a new root key, and under it the Region's key ring,
// which a node that lives gives.
func (r *changer) makeFolder(next layout.Node) (temp string, err error) {
	ring, err := r.ring()
	if err != nil {
		return "", err
	}
	temp, err = os.MkdirTemp(filepath.Join(string(r.Dir), r.region.Name), ".new-*")
	if err != nil {
		return "", err
	}
	f := layout.NodeFile{
		Format: layout.Format, ClusterID: r.File.ID, Region: r.region.Name, Name: next.Name, ID: next.ID, Joining: true,
	}
	if err := writeNode(layout.NodeDir(temp), ring, f); err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	return temp, nil
}

// ring opens the key ring of another node that runs. It must be the Region's by the keys that cluster.json names.
func (r *changer) ring() (*keyring.Ring, error) {
	reasons := fmt.Errorf("no other node of %s runs: its key ring cannot be had", r.region.Name)
	for _, n := range r.region.Nodes {
		if _, ok := r.node(n.Name).find(); !ok || n.Name == r.target.Name {
			continue
		}
		ring, err := openRing(r.Dir.Node(n.Name))
		if err != nil {
			reasons = fmt.Errorf("key ring of node %s: %w", n.Name, err)
			continue
		}
		public := ring.Public()
		if ring.ClusterID() != r.File.ID || ring.Region() != r.region.Name || string(public.Signing) != string(r.region.SigningKey) || public.NKey != r.region.NKey {
			reasons = fmt.Errorf("key ring of node %s is not that of %s in cluster.json", n.Name, r.region.Name)
			continue
		}
		return ring, nil
	}
	return nil, reasons
}

func openRing(d layout.NodeDir) (*keyring.Ring, error) {
	root, err := keyring.LoadRoot(d.RootKey())
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	return keyring.Load(d.Keystore(), root)
}

// writeNode fills the folder of a new node.
func writeNode(d layout.NodeDir, ring *keyring.Ring, f layout.NodeFile) error {
	root, err := keyring.CreateRoot(d.RootKey(), rand.Reader)
	if err != nil {
		return fmt.Errorf("node %s: %w", f.Name, err)
	}
	defer root.Destroy()
	if err := ring.Save(d.Keystore(), root, rand.Reader); err != nil {
		return fmt.Errorf("node %s: %w", f.Name, err)
	}
	if err := layout.WriteNode(d, f); err != nil {
		return fmt.Errorf("node %s: %w", f.Name, err)
	}
	return nil
}

// endOld ends the old process, if there is one.
func (r *changer) endOld(ctx context.Context) error {
	old := r.node(r.target.Name)
	if _, ok := old.find(); ok {
		return r.Stop(ctx, r.target.Name)
	}
	return old.release()
}

// swapFolders puts the old folder aside, where nothing looks for a node, and the new one in its place.
func (r *replacer) swapFolders(temp string) error {
	place := string(r.Dir.Node(r.target.Name))
	lost, err := putAside(place, lostSuffix, time.Now())
	if err != nil {
		return err
	}
	if lost != "" {
		r.did.Lost = lost
		r.Note("the old folder is %s: remove it when nobody needs it, it holds keys", lost)
	}
	return os.Rename(temp, place)
}

// asideStamp is the form of the time in the name of what is put aside.
const asideStamp = "20060102T150405.000Z"

// What is appended to the name of a folder that is put aside, before the time.
const (
	lostSuffix    = ".lost-"
	removedSuffix = ".removed-"
)

// putAside gives a node's folder a name under which nothing looks for a node; empty: there was no folder.
func putAside(place, suffix string, at time.Time) (lost string, err error) {
	if err := keepAudit(place, at); err != nil {
		return "", err
	}
	lost = place + suffix + at.UTC().Format(asideStamp)
	err = os.Rename(place, lost)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return lost, err
}

// enter writes the new id to cluster.json, as that is now.
func (r *replacer) enter(next layout.Node) error {
	return r.changeRegion(r.region.Name, func(region *layout.Region) error {
		i := slices.IndexFunc(region.Nodes, func(n layout.Node) bool { return n.Name == next.Name })
		if i < 0 {
			return fmt.Errorf("%s has no node %s any more", r.Dir.ClusterFile(), next.Name)
		}
		region.Nodes[i] = next
		return nil
	})
}

// changeRegion changes a Region in cluster.json, as that is now.
func (c *Cluster) changeRegion(name string, change func(*layout.Region) error) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	file, err := layout.ReadCluster(c.Dir)
	if err != nil {
		return err
	}
	region, ok := file.Region(name)
	if !ok {
		return fmt.Errorf("%s has no Region %s any more", c.Dir.ClusterFile(), name)
	}
	if err := change(region); err != nil {
		return err
	}
	if err := layout.WriteCluster(c.Dir, file); err != nil {
		return err
	}
	c.File = file
	return nil
}

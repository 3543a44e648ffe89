package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"meridian/cluster/layout"
	"meridian/keyengine/keyring"
	"meridian/region/keystore"
	"meridian/region/node/rebirth"
)

// Recovery is what RecoverRegion did.
type Recovery struct {
	Region string   `json:"region"`
	Source string   `json:"source"` // node whose state the Region goes on with
	Life   uint64   `json:"life"`
	Seq    uint64   `json:"seq"` // last record that was kept
	Nodes  []string `json:"nodes"`
	Aside  []string `json:"aside"` // where the old folders are
	Unread []string `json:"unread,omitempty"`
}

// RecoverRegion makes a Region anew that lost the majority of its nodes for ever, from the node that survived with the
// most of the log. What the lost nodes alone had is lost. The Region gets a new life number, by which other Regions
// see that it forgot something, and all its nodes get new ids: a lost one that turns up again is refused.
//
// It changes nothing where the Region has a leader, or, without force, where a majority of its nodes can still be read.
// It may be repeated after whatever ended it.
func (c *Cluster) RecoverRegion(ctx context.Context, name string, force bool) (Recovery, error) {
	r := &recoverer{Cluster: c, did: Recovery{Region: name, Aside: []string{}}, stamp: time.Now()}
	region, ok := c.File.Region(name)
	if !ok {
		return r.did, fmt.Errorf("%w: the cluster has no Region %q", ErrUsage, name)
	}
	if !region.Bootstrapped {
		return r.did, fmt.Errorf("%s was never complete: there is nothing to recover; bring it up with `meridian up`", name)
	}
	unlock, err := c.claimRegion(name)
	if err != nil {
		return r.did, err
	}
	defer unlock()
	r.region = *region
	leader := ""
	if !poll(deposedTime, func() bool { leader = c.leader(ctx, region); return leader == "" }) {
		return r.did, fmt.Errorf("%s has a leader (%s): nothing is lost; `meridian replace NODE` makes a lost node anew", name, leader)
	}
	return r.did, r.run(ctx, force)
}

// deposedTime is how long a leader that has lost its majority may go on saying that it leads.
const deposedTime = 3 * time.Second

// recoverer recovers one Region.
type recoverer struct {
	*Cluster
	region layout.Region
	did    Recovery
	stamp  time.Time
	temp   string // folder for all that is made, in the Region's folder
}

func (r *recoverer) run(ctx context.Context, force bool) (err error) {
	home := filepath.Join(string(r.Dir), r.region.Name)
	if r.temp, err = os.MkdirTemp(home, ".new-*"); err != nil {
		return err
	}
	defer os.RemoveAll(r.temp) // what is of use was moved away
	var alive []string
	voting, voters := 0, len(r.region.Voters())
	for _, n := range r.region.Nodes {
		if _, ok := r.node(n.Name).find(); ok {
			alive = append(alive, n.Name)
			if !n.ReadReplica {
				voting++
			}
		}
	}
	if voting > voters/2 && !force {
		return fmt.Errorf("%d of %d voting nodes of %s run: they may yet elect a leader (`meridian status`, `meridian heal`); --force recovers it all the same",
			voting, voters, r.region.Name)
	}
	if len(alive) > 0 {
		r.Note("stopping %v", alive)
		if err := r.Stop(ctx, alive...); err != nil {
			return err
		}
	}
	best, err := r.choose(force)
	if err != nil {
		return err
	}
	if err := r.begin(best); err != nil {
		return err
	}
	return r.resume(ctx)
}

// survivor is a node's state, extracted.
type survivor struct {
	name    string
	file    string
	meta    keystore.Meta
	current bool // the folder is that of the node in cluster.json, not one that an earlier call made
}

// choose extracts the state of every node that can be read, and returns the one to go on with.
func (r *recoverer) choose(force bool) (best survivor, err error) {
	readable := 0
	for i, n := range r.region.Nodes {
		s := survivor{name: n.Name, file: filepath.Join(r.temp, fmt.Sprintf("state-%d", i+1))}
		if err := r.extract(&s, n.ID); err != nil {
			r.did.Unread = append(r.did.Unread, fmt.Sprintf("%s: %v", n.Name, err))
			r.Note("node %s cannot be read: %v", n.Name, err)
			continue
		}
		if s.current && !n.ReadReplica {
			readable++
		}
		r.Note("node %s has record %d of life %d (entry %d of term %d)", n.Name, s.meta.Seq, s.meta.Life, s.meta.Index, s.meta.Term)
		if best.name == "" || rebirth.Later(s.meta, best.meta) {
			best = s
		}
	}
	switch {
	case best.name == "":
		return best, fmt.Errorf("no node of %s can be read: `meridian restore` makes a cluster of a backup", r.region.Name)
	case readable > len(r.region.Voters())/2 && !force:
		return best, fmt.Errorf("%d of %d voting nodes of %s can be read: that is a majority, so `meridian start %s` loses nothing; --force recovers it all the same",
			readable, len(r.region.Voters()), r.region.Name, r.region.Name)
	}
	return best, nil
}

// extract writes the state of a node to s.file.
func (r *recoverer) extract(s *survivor, id string) error {
	d := r.Dir.Node(s.name)
	f, err := layout.ReadNode(d)
	if err != nil {
		return err
	}
	if f.ClusterID != r.File.ID || f.Name != s.name {
		return fmt.Errorf("%s is the folder of node %s of cluster %s", d, f.Name, f.ClusterID)
	}
	if f.Joining {
		return errors.New("it was still joining")
	}
	if _, err := openRing(d); err != nil {
		return err
	}
	out, err := os.OpenFile(s.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.current = f.ID == id
	s.meta, err = rebirth.Extract(d, r.File.ID, r.region.Name, s.file+".scratch", out)
	return errors.Join(err, out.Close())
}

// begin makes the folders of all nodes anew, puts them in the place of the old ones, and enters the new ids.
func (r *recoverer) begin(best survivor) error {
	file := filepath.Join(r.temp, "reborn")
	done, life, err := rebirth.Begin(best.file, file, keystore.Origin{Domain: rebirth.Domain(r.region.Name)})
	if err != nil {
		return err
	}
	ring, err := openRing(r.Dir.Node(best.name))
	if err != nil {
		return err
	}
	next := r.region
	next.NewLife(life)
	next.Nodes = append([]layout.Node(nil), r.region.Nodes...)
	for i := range next.Nodes {
		next.Nodes[i].ID = uuid.NewString()
	}
	made := layout.Dir(filepath.Join(r.temp, "nodes"))
	if err := writeReborn(made, r.File.ID, next, ring, file, done.Meta); err != nil {
		return err
	}
	r.did.Source, r.did.Life, r.did.Seq = best.name, next.Life, done.Meta.Seq
	// The survivor that everything was made of goes last: until then it can all be made again.
	for _, last := range []bool{false, true} {
		for _, n := range next.Nodes {
			if (n.Name == best.name) != last {
				continue
			}
			if err := r.swap(string(made.Node(n.Name)), n.Name); err != nil {
				return err
			}
			r.did.Nodes = append(r.did.Nodes, n.Name)
		}
	}
	return r.enterRegion(next)
}

// writeReborn makes below d the folders of a Region's nodes that begin with a state.
func writeReborn(d layout.Dir, clusterID string, r layout.Region, ring *keyring.Ring, file string, m keystore.Meta) error {
	for _, n := range r.Nodes {
		dir := d.Node(n.Name)
		if err := os.MkdirAll(string(dir), 0o700); err != nil {
			return err
		}
		f := layout.NodeFile{Format: layout.Format, ClusterID: clusterID, Region: r.Name, Name: n.Name, ID: n.ID}
		if err := writeNode(dir, ring, f); err != nil {
			return err
		}
		if err := rebirth.Plant(dir, r, n.ID, file, m); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	return nil
}

// swap puts a node's old folder aside and a new one in its place.
func (r *recoverer) swap(made, name string) error {
	aside, err := putAside(string(r.Dir.Node(name)), lostSuffix, r.stamp)
	if err != nil {
		return err
	}
	if aside != "" {
		r.did.Aside = append(r.did.Aside, aside)
	}
	return os.Rename(made, string(r.Dir.Node(name)))
}

// enterRegion writes a Region's nodes and life to cluster.json, as that is now.
func (c *Cluster) enterRegion(next layout.Region) error {
	return c.changeRegion(next.Name, func(region *layout.Region) error {
		region.Nodes, region.Life = next.Nodes, next.Life
		return nil
	})
}

// resume starts the nodes where a cluster runs around them.
func (r *recoverer) resume(ctx context.Context) error {
	r.Note("%s goes on from record %d of node %s, in life %d", r.region.Name, r.did.Seq, r.did.Source, r.did.Life)
	for _, old := range r.did.Aside {
		r.Note("an old folder is %s: remove it when nobody needs it, it holds keys", old)
	}
	if !r.Supervised() {
		r.Note("the cluster is down: `meridian up` starts it")
		return nil
	}
	return r.Start(ctx, r.did.Nodes...)
}

package cluster

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"meridian/cluster/layout"
	"meridian/keyengine/keyring"
	"meridian/region/keystore"
	"meridian/region/node/rebirth"
)

// RestoreOptions say what Restore makes of backups.
type RestoreOptions struct {
	Backups []string // files, one for each Region, in the order of the Regions
	Keys    []string // folders with the key rings: of a node (root.key and keystore), of such folders by Region, or of a whole cluster
	Until   []string // where to stop: a time (RFC 3339) for all Regions, or REGION=SEQ; none: at the end
	Nodes   int
	Port    int
}

// Restored is what Restore did with one Region.
type Restored struct {
	Region  string   `json:"region"`
	From    uint64   `json:"from"` // last record of the backup
	Seq     uint64   `json:"seq"`  // last record that was kept
	Time    string   `json:"time,omitempty"`
	Life    uint64   `json:"life"`
	Digest  string   `json:"digest"`
	Dropped uint64   `json:"dropped"`        // records after the point
	Lost    []string `json:"lost,omitempty"` // materials that were deleted after the point
}

// Restore makes a new cluster of backups, with a cluster id of its own and each Region in its next life. It is there
// whole or not at all, and does not run yet. The backups and the folders with the keys are left as they are.
func Restore(dir string, o RestoreOptions, p Program, note func(string, ...any)) (*Cluster, []Restored, error) {
	d, err := absolute(dir)
	if err != nil {
		return nil, nil, err
	}
	if entries, err := os.ReadDir(string(d)); err == nil && len(entries) > 0 {
		return nil, nil, fmt.Errorf("%w: %s is not empty: name another folder for the new cluster with --data", ErrUsage, d)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return nil, nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(string(d)), filepath.Base(string(d))+".new-*")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(temp)
	r := &restorer{options: o, note: note, made: layout.Dir(filepath.Join(temp, "cluster")), temp: temp}
	if err := r.run(); err != nil && strings.Contains(err.Error(), syscall.ENOSPC.Error()) { // the store says it in words alone
		return nil, r.did, fmt.Errorf("%w: nothing was left of the new cluster; make room beside %s, or name a folder elsewhere with --data", err, d)
	} else if err != nil {
		return nil, r.did, err
	}
	if err := os.Rename(string(r.made), string(d)); err != nil { // fails if something came there meanwhile
		return nil, r.did, err
	}
	return &Cluster{Dir: d, File: r.file, Program: p, Note: note}, r.did, nil
}

// restorer makes the folder of one new cluster.
type restorer struct {
	options RestoreOptions
	note    func(string, ...any)
	file    *layout.Cluster
	made    layout.Dir
	temp    string
	did     []Restored
}

func (r *restorer) run() error {
	backups, points, err := r.plan()
	if err != nil {
		return err
	}
	c := &Cluster{Dir: r.made, File: r.file, Note: r.note}
	if err := c.checkPorts(allPorts(r.file)); err != nil {
		return err
	}
	kept := false
	for i, b := range backups {
		if err := r.region(&r.file.Regions[i], b, points[b.Region]); err != nil {
			return err
		}
		kept = kept || r.did[i].Seq > 0 || r.did[i].From == 0
	}
	if !kept {
		return fmt.Errorf("%w: no Region has a record up to that time", ErrUsage)
	}
	return layout.WriteCluster(r.made, r.file)
}

// plan looks at every backup, and lays out the cluster.
func (r *restorer) plan() (backups []BackupInfo, points map[string]keystore.Origin, err error) {
	var regions []string
	for _, file := range r.options.Backups {
		b, err := InspectBackup(file)
		if err != nil {
			return nil, nil, err
		}
		if len(backups) > 0 && b.ClusterID != backups[0].ClusterID {
			return nil, nil, fmt.Errorf("%w: %s and %s are of different clusters", ErrUsage, backups[0].File, b.File)
		}
		if i := slices.Index(regions, b.Region); i >= 0 {
			return nil, nil, fmt.Errorf("%w: %s and %s are both backups of %s: name one of them", ErrUsage, backups[i].File, b.File, b.Region)
		}
		backups, regions = append(backups, b), append(regions, b.Region)
	}
	if r.file, err = plan(Options{Regions: regions, Nodes: r.options.Nodes, Port: r.options.Port}); err != nil {
		return nil, nil, err
	}
	points, err = parsePoints(r.options.Until, regions)
	return backups, points, err
}

// parsePoints reads where each Region's history is to end.
func parsePoints(until, regions []string) (map[string]keystore.Origin, error) {
	points := map[string]keystore.Origin{}
	for _, text := range until {
		if at, err := time.Parse(time.RFC3339, text); err == nil && at.UnixMilli() > 0 {
			for _, name := range regions {
				o := points[name]
				o.At = at.UnixMilli()
				points[name] = o
			}
			continue
		}
		name, number, _ := strings.Cut(text, "=")
		seq, err := strconv.ParseUint(number, 10, 64)
		known := false
		for _, r := range regions {
			known = known || r == name
		}
		if err != nil || seq == 0 || !known {
			return nil, fmt.Errorf("%w: %.80q is neither a time such as 2026-01-31T12:00:00Z nor a Region of the backups with a seq such as %s=42", ErrUsage, text, regions[0])
		}
		o := points[name]
		o.Seq = seq
		points[name] = o
	}
	return points, nil
}

// region makes the folders of one Region's nodes.
func (r *restorer) region(region *layout.Region, b BackupInfo, o keystore.Origin) error {
	ring, err := r.ring(b)
	if err != nil {
		return err
	}
	public := ring.Public()
	region.SigningKey, region.NKey, region.Bootstrapped = public.Signing, public.NKey, true
	for i := range region.Nodes {
		region.Nodes[i].ID = uuid.NewString()
	}
	o.ClusterID, o.Domain = r.file.ID, rebirth.Domain(region.Name)
	file := filepath.Join(r.temp, region.Name)
	done, life, err := rebirth.Begin(b.File, file, o)
	if err != nil {
		return err
	}
	region.NewLife(life)
	if err := writeReborn(r.made, r.file.ID, *region, ring, file, done.Meta); err != nil {
		return err
	}
	r.did = append(r.did, r.told(*region, done))
	return nil
}

func (r *restorer) told(region layout.Region, done keystore.Rewritten) Restored {
	t := Restored{
		Region: region.Name, From: done.From.Seq, Seq: done.Meta.Seq, Life: region.Life, Digest: done.Meta.Digest.String(),
		Dropped: done.From.Seq - done.Meta.Seq,
	}
	if done.Meta.Seq > 0 {
		t.Time = time.UnixMilli(done.Meta.At).UTC().Format(time.RFC3339Nano)
	}
	for _, id := range done.Lost {
		t.Lost = append(t.Lost, hex.EncodeToString(id[:]))
	}
	if len(t.Lost) > 0 {
		r.note("%s: %d key materials were deleted after that point and are in no backup made later: nothing they encrypted can be read", region.Name, len(t.Lost))
	}
	return t
}

// ring finds the key ring of a backup's Region, and makes it the new cluster's.
func (r *restorer) ring(b BackupInfo) (*keyring.Ring, error) {
	reasons := errors.New("no --keys was given")
	for _, folder := range r.options.Keys {
		for _, d := range ringFolders(folder, b.Region) {
			ring, err := openRing(d)
			switch {
			case err != nil:
				reasons = err
			case ring.Region() != b.Region || ring.ClusterID() != b.ClusterID:
				reasons = fmt.Errorf("%s is the key ring of %s of cluster %s", d, ring.Region(), ring.ClusterID())
			default:
				return ring.For(r.file.ID)
			}
		}
	}
	return nil, fmt.Errorf("the key ring of %s of cluster %s is needed, and a backup does not hold it: name a folder with keystore and root.key of one of its nodes with --keys: %w",
		b.Region, b.ClusterID, reasons)
}

// ringFolders lists where the key ring of a Region may be, in a folder that somebody named.
func ringFolders(folder, region string) []layout.NodeDir {
	dirs := []layout.NodeDir{layout.NodeDir(folder)}
	if d := layout.NodeDir(filepath.Join(folder, region)); exists(d.Keystore()) {
		dirs = append(dirs, d)
	}
	for n := 1; n <= layout.MaxNodes; n++ {
		d := layout.Dir(folder).Node(layout.NodeName(region, n))
		if exists(d.Keystore()) {
			dirs = append(dirs, d)
		}
	}
	if len(dirs) > 1 { // of several Regions
		return dirs[1:]
	}
	return dirs
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

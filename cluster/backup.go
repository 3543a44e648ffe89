package cluster

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/region/keystore"
)

// backupTime bounds how long one node may take to hand out its state.
const backupTime = 30 * time.Minute

// BackupInfo says what is in the file of a backup.
type BackupInfo struct {
	File      string `json:"file"`
	ClusterID string `json:"clusterId"`
	Region    string `json:"region"`
	Node      string `json:"node,omitempty"` // that it came from
	Life      uint64 `json:"life"`
	Seq       uint64 `json:"seq"`            // of the last record
	Time      string `json:"time,omitempty"` // of that record: RFC 3339, Region time
	Digest    string `json:"digest"`         // of the state, hex
	Chain     string `json:"chain"`          // head of the event log's hash chain, hex
	Bytes     int64  `json:"bytes"`
}

// Backup writes the state of a Region that runs, its event log included, to a file that is not there yet. The file is
// checked to its end before it gets its name. It holds key material as it is stored, wrapped, and no key ring.
func (c *Cluster) Backup(ctx context.Context, region, file string) (BackupInfo, error) {
	r, ok := c.File.Region(region)
	if !ok {
		return BackupInfo{}, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, region, strings.Join(c.File.Names(), ", "))
	}
	if _, err := os.Lstat(file); err == nil {
		return BackupInfo{}, fmt.Errorf("%w: %s is there already: it is left as it is", ErrUsage, file)
	}
	var statuses []control.Status
	for _, s := range c.ask(ctx, r) {
		statuses = append(statuses, s)
	}
	slices.SortFunc(statuses, func(a, b control.Status) int { // the newest state first
		if a.Life != b.Life {
			return int(b.Life) - int(a.Life)
		}
		return int(b.Seq) - int(a.Seq)
	})
	reasons := fmt.Errorf("no node of %s answers: `meridian up` starts the cluster, `meridian start %s` the Region alone", region, region)
	for _, s := range statuses {
		info, err := c.backupNode(ctx, s.Name, file)
		if err == nil {
			return info, nil
		}
		if here := (*os.PathError)(nil); errors.As(err, &here) { // another node would write it to the same place
			return BackupInfo{}, fmt.Errorf("backup of %s to %s: %w: nothing was left there; make room, or name another place", region, file, here)
		}
		reasons = fmt.Errorf("backup of node %s: %w", s.Name, err)
		c.Note("%v", reasons)
	}
	return BackupInfo{}, reasons
}

func (c *Cluster) backupNode(ctx context.Context, name, file string) (info BackupInfo, err error) {
	client, err := control.Connect(c.Dir.Node(name))
	if err != nil {
		return info, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // of mode 0600
	if err != nil {
		return info, err
	}
	defer os.Remove(temp.Name()) // it has another name too, if all went well
	ctx, cancel := context.WithTimeout(ctx, backupTime)
	defer cancel()
	err = client.Backup(ctx, temp)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return info, err
	}
	if info, err = InspectBackup(temp.Name()); err != nil {
		return info, err
	}
	info.File, info.Node = file, name
	return info, os.Link(temp.Name(), file) // which fails if something came there meanwhile
}

// InspectBackup reads the file of a backup to its end. A damaged one is refused, with the place.
func InspectBackup(file string) (BackupInfo, error) {
	f, err := os.Open(file)
	if err != nil {
		return BackupInfo{}, err
	}
	defer f.Close()
	var n counter
	m, err := keystore.Inspect(bufio.NewReader(io.TeeReader(f, &n)))
	switch here := (*os.PathError)(nil); {
	case errors.Is(err, keystore.ErrNewer):
		return BackupInfo{}, fmt.Errorf("backup %s: %w: restore it with the version of meridian that wrote it, or a later one", file, err)
	case errors.As(err, &here):
		return BackupInfo{}, here
	case err != nil:
		return BackupInfo{}, fmt.Errorf("%s is damaged, or no backup: %w: nothing was made of it; use another backup of that Region", file, err)
	}
	info := BackupInfo{
		File: file, ClusterID: m.ClusterID, Region: m.Region, Life: m.Life, Seq: m.Seq,
		Digest: m.Digest.String(), Chain: hex.EncodeToString(m.Chain[:]), Bytes: int64(n),
	}
	if m.Seq > 0 {
		info.Time = time.UnixMilli(m.At).UTC().Format(time.RFC3339Nano)
	}
	return info, nil
}

// counter counts the bytes that pass.
type counter int64

func (n *counter) Write(b []byte) (int, error) {
	*n += counter(len(b))
	return len(b), nil
}

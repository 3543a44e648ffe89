package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meridian/cluster/layout"
)

// changeThrottle puts other request quotas into the folder of a cluster that does not run: a node reads them when it
// starts, and all have to count alike.
func (c *Cluster) changeThrottle(text []byte) error {
	if text == nil {
		return nil
	}
	have, err := os.ReadFile(c.Dir.ThrottleFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if bytes.Equal(have, text) {
		return nil
	}
	if c.alive() {
		return fmt.Errorf("%w: the cluster runs with other request quotas; stop it with `meridian down` to change them", ErrUsage)
	}
	return writeThrottle(c.Dir, text)
}

// writeThrottle writes the request quotas by rename; none are no file.
func writeThrottle(d layout.Dir, text []byte) error {
	if len(text) == 0 {
		if err := os.Remove(d.ThrottleFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	temp := d.ThrottleFile() + ".new"
	if err := os.WriteFile(temp, text, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, d.ThrottleFile())
}

package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meridian/cluster/layout"
)

// changeRoots puts other roots of attestation documents into the folder of a cluster that does not run: a node reads
// them when it starts, and all have to trust the same.
func (c *Cluster) changeRoots(text []byte) error {
	if text == nil {
		return nil
	}
	have, err := os.ReadFile(c.Dir.AttestationRoots())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && bytes.Equal(have, text) {
		return nil
	}
	if c.alive() {
		return fmt.Errorf("%w: the cluster runs with other attestation roots; stop it with `meridian down` to change them", ErrUsage)
	}
	return writeRoots(c.Dir, text)
}

// writeRoots writes the roots, if there are any, by rename.
func writeRoots(d layout.Dir, text []byte) error {
	if text == nil {
		return nil
	}
	temp := d.AttestationRoots() + ".new"
	if err := os.WriteFile(temp, text, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, d.AttestationRoots())
}

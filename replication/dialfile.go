package replication

import (
	"encoding/json"
	"fmt"

	"meridian/cluster/layout"
)

// maxDials bounds the file of Dials in bytes.
const maxDials = 1 << 20

// ParseDials reads dials; it trusts nothing.
func ParseDials(b []byte) (Dials, error) {
	var d Dials
	if len(b) > maxDials {
		return Dials{}, fmt.Errorf("dials of %d bytes are too large", len(b))
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return Dials{}, fmt.Errorf("dials: %w", err)
	}
	if err := d.Validate(); err != nil {
		return Dials{}, err
	}
	return d, nil
}

// LoadDials reads the file of dials. Without it nothing is held back or paused.
func LoadDials(path string) (Dials, error) {
	return layout.Load(path, maxDials, Dials{Format: DialFormat}, ParseDials)
}

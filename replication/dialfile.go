package replication

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Dials{Format: DialFormat}, nil
	}
	if err != nil {
		return Dials{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxDials+1))
	if err != nil {
		return Dials{}, err
	}
	d, err := ParseDials(b)
	if err != nil {
		return Dials{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

package forward

import (
	"encoding/binary"
	"fmt"
	"io"

	"meridian/keyengine/canonical"
)

// Version is the version of the protocol of this port.
const Version = 1

// maxHello bounds a hello in bytes.
const maxHello = 512

// Lanes of the port.
const (
	laneRaft = 'R'
	laneCall = 'F'
	// laneBus is for nodes of other Regions, which prove on it who they are.
	laneBus = 'B'
)

// Hello is who dials.
type Hello struct {
	Version uint8  `cbor:"1,keyasint"`
	Cluster string `cbor:"2,keyasint"` // cluster id
	Region  string `cbor:"3,keyasint"`
	Node    string `cbor:"4,keyasint"` // name of the dialing node
}

// check returns why got may not speak, on a lane, to a node that would itself say want, or nil.
func (want Hello) check(lane byte, got Hello) error {
	switch {
	case got.Version != want.Version:
		return fmt.Errorf("protocol version %d, this node speaks %d", got.Version, want.Version)
	case got.Cluster != want.Cluster:
		return fmt.Errorf("node of another cluster (%q)", got.Cluster)
	case got.Region != want.Region && lane != laneBus:
		return fmt.Errorf("node of another Region (%q)", got.Region)
	}
	return nil
}

// writeHello writes the lane and the hello.
func writeHello(w io.Writer, lane byte, h Hello) error {
	body := canonical.Marshal(h)
	b := make([]byte, 3, 3+len(body))
	b[0] = lane
	binary.BigEndian.PutUint16(b[1:], uint16(len(body)))
	_, err := w.Write(append(b, body...))
	return err
}

// readHello reads what writeHello wrote.
func readHello(r io.Reader) (lane byte, h Hello, err error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, Hello{}, err
	}
	n := binary.BigEndian.Uint16(head[1:])
	if n > maxHello {
		return 0, Hello{}, fmt.Errorf("hello of %d bytes, at most %d", n, maxHello)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, Hello{}, err
	}
	if err := canonical.Unmarshal(body, &h); err != nil {
		return 0, Hello{}, err
	}
	return head[0], h, nil
}

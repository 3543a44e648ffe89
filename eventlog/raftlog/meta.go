package raftlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// Raft keeps what it believes of a snapshot (its index, its term, who is a member) in a file of its own,
// without a checksum. So the same is written at the head of the snapshot, whose bytes have one, and
// the two are compared whenever the snapshot is opened: magic, length (4 bytes), CRC-32C, JSON.
// Other nodes never see the head. A snapshot without one is of a build that wrote none.
const (
	headMagic    = "MRDRAFT1"
	headVersion  = len(headMagic) - 1 // where its digit is
	maxHead      = 1 << 20
	headFixBytes = len(headMagic) + 4 + checksumBytes
)

var errMeta = errors.New("its meta.json is not what was written with it")

func headOf(m *raft.SnapshotMeta) ([]byte, error) {
	body, err := json.Marshal(raft.SnapshotMeta{
		Version: m.Version, Index: m.Index, Term: m.Term, Configuration: m.Configuration, ConfigurationIndex: m.ConfigurationIndex,
	})
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32([]byte(headMagic), uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, checksum(body))
	return append(b, body...), nil
}

// Open implements raft.SnapshotStore.
func (c checked) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, r, err := c.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(r)
	n, err := takeHead(in, meta)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	stripped := *meta
	stripped.Size -= int64(n)
	return &stripped, readCloser{in, r}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// takeHead reads past the head, if there is one, and returns how long it was.
func takeHead(in *bufio.Reader, meta *raft.SnapshotMeta) (int, error) {
	switch magic, err := in.Peek(len(headMagic)); {
	case err != nil:
		return 0, nil // it comes again with the next read
	case string(magic) > headMagic && string(magic[:headVersion]) == headMagic[:headVersion]:
		return 0, fmt.Errorf("%w: a snapshot's head has version %q, this build reads up to %q", ErrNewer, magic[headVersion:], headMagic[headVersion:])
	case string(magic) != headMagic:
		return 0, nil
	}
	fix := make([]byte, headFixBytes)
	if _, err := io.ReadFull(in, fix); err != nil {
		return 0, fmt.Errorf("head: %w", err)
	}
	n := binary.BigEndian.Uint32(fix[len(headMagic):])
	if n > maxHead {
		return 0, fmt.Errorf("head of %d bytes is too long", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return 0, fmt.Errorf("head: %w", err)
	}
	if checksum(body) != binary.BigEndian.Uint32(fix[len(headMagic)+4:]) {
		return 0, fmt.Errorf("head: %w", errChecksum)
	}
	want, err := headOf(meta)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(want[headFixBytes:], body) {
		return 0, errMeta
	}
	return headFixBytes + len(body), nil
}

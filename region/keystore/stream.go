package keystore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"meridian/keyengine/canonical"
)

// A snapshot is a magic with the format, then frames: one header, chunks of sorted rows, one
// trailer, and nothing after it. A frame is type, length (4 bytes), CRC-32C of type and payload,
// payload. The CRCs find a damaged place early; the SHA-256 in the trailer is over every byte before
// the trailer's frame and decides.
const (
	streamMagic = "MRDSTATE"
	frameHeader = 'H'
	frameRows   = 'R'
	frameEnd    = 'E'
	frameHead   = 1 + 4 + 4
	chunkBytes  = 256 << 10
	maxFrame    = chunkBytes + maxKey + maxValue + 2*binary.MaxVarintLen64
)

type header struct {
	Feature uint32 `cbor:"1,keyasint"` // level of the state, not of the program: an older one reads what it knows
	Meta    Meta   `cbor:"2,keyasint"`
}

type trailer struct {
	_    struct{} `cbor:",toarray"`
	Rows uint64
	Sum  [32]byte
}

// streamWriter writes a snapshot.
type streamWriter struct {
	w     io.Writer
	sum   hash.Hash
	chunk []byte
	rows  uint64
	wrote int64
}

func newStreamWriter(w io.Writer, m Meta, level uint32) (*streamWriter, error) {
	s := &streamWriter{w: w, sum: sha256.New()}
	if err := s.write(append([]byte(streamMagic), Format)); err != nil {
		return nil, err
	}
	return s, s.frame(frameHeader, canonical.Marshal(header{Feature: level, Meta: m}))
}

func (s *streamWriter) write(b []byte) error {
	s.sum.Write(b)
	n, err := s.w.Write(b)
	s.wrote += int64(n)
	return err
}

func (s *streamWriter) frame(kind byte, payload []byte) error {
	head := make([]byte, 0, frameHead)
	head = append(head, kind)
	head = binary.BigEndian.AppendUint32(head, uint32(len(payload)))
	head = binary.BigEndian.AppendUint32(head, frameCRC(kind, payload))
	if err := s.write(head); err != nil {
		return err
	}
	return s.write(payload)
}

func (s *streamWriter) row(key, value []byte) error {
	s.chunk = binary.AppendUvarint(s.chunk, uint64(len(key)))
	s.chunk = append(s.chunk, key...)
	s.chunk = binary.AppendUvarint(s.chunk, uint64(len(value)))
	s.chunk = append(s.chunk, value...)
	s.rows++
	if len(s.chunk) < chunkBytes {
		return nil
	}
	return s.flush()
}

func (s *streamWriter) flush() error {
	if len(s.chunk) == 0 {
		return nil
	}
	err := s.frame(frameRows, s.chunk)
	s.chunk = s.chunk[:0]
	return err
}

func (s *streamWriter) end() error {
	if err := s.flush(); err != nil {
		return err
	}
	t := trailer{Rows: s.rows}
	s.sum.Sum(t.Sum[:0])
	return s.frame(frameEnd, canonical.Marshal(t))
}

func frameCRC(kind byte, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, []byte{kind}), table, payload)
}

// streamReader reads a snapshot that anybody may have written. It holds one frame in memory.
type streamReader struct {
	r      *bufio.Reader
	sum    hash.Hash
	header header
	rows   uint64
	last   []byte // key
	at     int64  // where the frame begins that is read now, or else the next one
}

// newStreamReader reads as far as the header.
func newStreamReader(r io.Reader) (*streamReader, error) {
	s := &streamReader{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	magic := make([]byte, len(streamMagic)+1)
	if _, err := io.ReadFull(s.r, magic); err != nil {
		return nil, fmt.Errorf("snapshot's beginning: %w", noEOF(err))
	}
	s.at = int64(len(magic))
	s.sum.Write(magic)
	if !bytes.HasPrefix(magic, []byte(streamMagic)) {
		return nil, errors.New("not a snapshot of a state")
	}
	switch f := magic[len(streamMagic)]; {
	case f == 0:
		return nil, errors.New("snapshot has no format")
	case f > Format:
		return nil, fmt.Errorf("%w: the snapshot has format %d, this build reads up to %d", ErrNewer, f, Format)
	}
	kind, payload, err := s.frame()
	if err != nil {
		return nil, err
	}
	if kind != frameHeader {
		return nil, errors.New("snapshot without a header")
	}
	if err := canonical.Unmarshal(payload, &s.header); err != nil {
		return nil, fmt.Errorf("snapshot's header: %w", err)
	}
	s.at += int64(frameHead + len(payload))
	return s, nil
}

// frame reads a frame. All but the last count for the sum.
func (s *streamReader) frame() (kind byte, payload []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return 0, nil, fmt.Errorf("snapshot's frame: %w", noEOF(err))
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("snapshot's frame of %d bytes is too long", n)
	}
	var b bytes.Buffer // grows with what arrives, not with what the length claims
	if _, err := io.CopyN(&b, s.r, int64(n)); err != nil {
		return 0, nil, fmt.Errorf("snapshot's frame: %w", noEOF(err))
	}
	kind, payload = head[0], b.Bytes()
	if frameCRC(kind, payload) != binary.BigEndian.Uint32(head[5:]) {
		return 0, nil, errors.New("snapshot's frame is damaged")
	}
	if kind != frameEnd {
		s.sum.Write(head[:])
		s.sum.Write(payload)
	}
	return kind, payload, nil
}

// each calls f with each row, in key order, and returns nil after a right trailer alone. Rows that f
// was given before are to be thrown away otherwise.
func (s *streamReader) each(f func(key, value []byte) error) error {
	for {
		kind, payload, err := s.frame()
		if err != nil {
			return err
		}
		switch kind {
		case frameRows:
			if err := s.chunk(payload, f); err != nil {
				return err
			}
			s.at += int64(frameHead + len(payload))
		case frameEnd:
			return s.finish(payload)
		default:
			return fmt.Errorf("snapshot's frame of unknown type %d", kind)
		}
	}
}

func (s *streamReader) chunk(b []byte, f func(key, value []byte) error) error {
	for len(b) > 0 {
		key, rest, err := field(b, maxKey)
		if err != nil {
			return fmt.Errorf("snapshot's row %d: key: %w", s.rows, err)
		}
		value, rest, err := field(rest, maxValue)
		if err != nil {
			return fmt.Errorf("snapshot's row %d: value: %w", s.rows, err)
		}
		if !has(carried, key) || bytes.Compare(key, s.last) <= 0 {
			return fmt.Errorf("snapshot's row %d: key %q is out of place", s.rows, key)
		}
		if err := f(key, value); err != nil {
			return fmt.Errorf("snapshot's row %d: %w", s.rows, err)
		}
		s.last = append(s.last[:0], key...)
		s.rows++
		b = rest
	}
	return nil
}

func field(b []byte, limit uint64) (v, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > limit || n > uint64(len(b)-size) {
		return nil, nil, errors.New("wrong length")
	}
	b = b[size:]
	return b[:n], b[n:], nil
}

func (s *streamReader) finish(payload []byte) error {
	var want trailer
	if err := canonical.Unmarshal(payload, &want); err != nil {
		return fmt.Errorf("snapshot's trailer: %w", err)
	}
	got := trailer{Rows: s.rows}
	s.sum.Sum(got.Sum[:0])
	if got != want {
		return fmt.Errorf("snapshot's trailer says %d rows, sum %x; found %d, %x", want.Rows, want.Sum, got.Rows, got.Sum)
	}
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("snapshot goes on after its trailer")
	}
	return nil
}

// noEOF turns an early end of a stream into an error of its own; io.EOF is good news to many callers.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

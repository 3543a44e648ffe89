package raftlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/hashicorp/raft"
)

// errChecksum is the error of an entry or value that is not what was written.
var errChecksum = errors.New("its checksum is wrong")

// The database under Raft's log checks its own two first pages and nothing else: a bit that flips in
// an entry would be applied, and sent to others. So each entry and each value ends in a CRC-32C of
// itself and of the place that it belongs to.
const checksumBytes = 4

// sealed is an entry with its checksum. The entry that is given stays as it is.
func sealed(l *raft.Log) *raft.Log {
	c := *l
	c.Data = binary.BigEndian.AppendUint32(slices.Clip(l.Data), entrySum(l, l.Data))
	return &c
}

// unseal takes the checksum off an entry that was read.
func unseal(index uint64, l *raft.Log) error {
	n := len(l.Data) - checksumBytes
	if n < 0 || l.Index != index || entrySum(l, l.Data[:n]) != binary.BigEndian.Uint32(l.Data[n:]) {
		return errChecksum
	}
	l.Data = l.Data[:n:n]
	return nil
}

func entrySum(l *raft.Log, data []byte) uint32 {
	var head [17]byte
	binary.BigEndian.PutUint64(head[:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	return checksum(head[:], data, l.Extensions)
}

// sealedValue is a value of the stable store with its checksum, unsealValue takes that off.
func sealedValue(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(slices.Clip(value), checksum(key, value))
}

func unsealValue(key, value []byte) ([]byte, error) {
	n := len(value) - checksumBytes
	if n < 0 || checksum(key, value[:n]) != binary.BigEndian.Uint32(value[n:]) {
		return nil, errChecksum
	}
	return value[:n:n], nil
}

func checksum(parts ...[]byte) (sum uint32) {
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

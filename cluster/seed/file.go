package seed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// Bounds of a file.
const (
	MaxBytes    = 4 << 20
	maxKeys     = 10_000
	maxAliases  = 50
	maxReplicas = 20
	maxTags     = 50
	maxFaults   = 20 // that one error names
)

// DefaultAccount is the account of keys that name none.
const DefaultAccount = "000000000000"

// File is a seed file.
type File struct {
	Keys  []Key
	Notes []string // what was read and will not be done as written
}

// Key is one key.
type Key struct {
	Line         int
	Account      string
	Region       string // of the primary; empty until Place: the cluster's first
	ID           string
	Create       *kmsapi.CreateKeyRequest
	Material     []byte // in the form in which keys of the spec are imported; nil: new material
	Aliases      []string
	RotationDays int32 // 0: no automatic rotation
	Replicas     []Replica
}

// External says whether the key's material is imported.
func (k *Key) External() bool {
	return k.Create.Origin != nil && *k.Create.Origin == "EXTERNAL"
}

// Replica is one replica of a key.
type Replica struct {
	Line      int
	Region    string
	Replicate *kmsapi.ReplicateKeyRequest
	Aliases   []string
}

// fault is what is wrong in a line.
type fault struct {
	line int
	text string
}

// Parse reads a file. The primitives judge the material that is in it.
func Parse(text []byte, primitives primitive.Set) (*File, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d", len(text), MaxBytes)
	}
	var root yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	err := documents.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty")
	}
	if err != nil {
		return nil, err // of the form «yaml: line 3: …»
	}
	r := &reader{primitives: primitives, file: new(File), seen: map[string]int{}}
	var second yaml.Node
	if err := documents.Decode(&second); !errors.Is(err, io.EOF) {
		r.fail(&second, "the file holds more than one document")
	}
	r.document(root.Content[0])
	r.check()
	return r.file, r.err()
}

// Place settles in which Region of a cluster each key is, and finds what the cluster cannot have.
func (f *File) Place(regions []string) error {
	r := reader{file: f}
	for i := range f.Keys {
		k := &f.Keys[i]
		if k.Region == "" {
			k.Region = regions[0]
		}
		if !slices.Contains(regions, k.Region) {
			r.failAt(k.Line, "the cluster has no Region %q", k.Region)
			continue
		}
		place := keyengine.Place{Partition: arn.PartitionOf(k.Region), Region: k.Region}
		if _, err := keyengine.NewKeySpec(place, k.Create); err != nil {
			r.failAt(k.Line, "%v", err)
		}
		for _, replica := range k.Replicas {
			if !slices.Contains(regions, replica.Region) {
				r.failAt(replica.Line, "the cluster has no Region %q", replica.Region)
			}
			if replica.Region == k.Region {
				r.failAt(replica.Line, "the key's primary is in %s", k.Region)
			}
		}
	}
	return r.err()
}

// reader collects what is in a file and what is wrong with it.
type reader struct {
	primitives primitive.Set
	file       *File
	seen       map[string]int // line of each account's key
	faults     []fault
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) { r.failAt(n.Line, format, args...) }

func (r *reader) failAt(line int, format string, args ...any) {
	r.faults = append(r.faults, fault{line, fmt.Sprintf(format, args...)})
}

// err is all that is wrong, in the order of the lines.
func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for i, f := range r.faults {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("and %d more", len(r.faults)-i))
			break
		}
		errs = append(errs, fmt.Errorf("line %d: %s", f.line, f.text))
	}
	return errors.Join(errs...)
}

// document tells the forms apart.
func (r *reader) document(n *yaml.Node) {
	n = resolve(n)
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if name := n.Content[i].Value; name == "Keys" || name == "Aliases" {
				r.localKMS(n)
				return
			}
		}
	}
	r.fields(n, "the file", members{"keys": func(n *yaml.Node) { r.list(n, "keys", maxKeys, r.key) }})
}

package seed

import (
	"slices"

	"gopkg.in/yaml.v3"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/strictyaml"
)

// Bounds of a file.
const (
	MaxBytes    = 4 << 20
	maxKeys     = 10_000
	maxAliases  = 50
	maxReplicas = 20
	maxTags     = 50
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

// Parse reads a file. The primitives judge the material that is in it.
func Parse(text []byte, primitives primitive.Set) (*File, error) {
	r := &reader{primitives: primitives, file: new(File), seen: map[string]int{}}
	root, err := r.Open(text, MaxBytes)
	if err != nil {
		return nil, err
	}
	r.document(root)
	r.check()
	return r.file, r.Err()
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
			r.FailAt(k.Line, "the cluster has no Region %q", k.Region)
			continue
		}
		place := keyengine.Place{Partition: arn.PartitionOf(k.Region), Region: k.Region}
		if _, err := keyengine.NewKeySpec(place, k.Create); err != nil {
			r.FailAt(k.Line, "%v", err)
		}
		for _, replica := range k.Replicas {
			if !slices.Contains(regions, replica.Region) {
				r.FailAt(replica.Line, "the cluster has no Region %q", replica.Region)
			}
			if replica.Region == k.Region {
				r.FailAt(replica.Line, "the key's primary is in %s", k.Region)
			}
		}
	}
	return r.Err()
}

// reader collects what is in a file and what is wrong with it.
type reader struct {
	strictyaml.Reader
	primitives primitive.Set
	file       *File
	seen       map[string]int // line of each account's key
}

// document tells the forms apart.
func (r *reader) document(n *yaml.Node) {
	n = strictyaml.Resolve(n)
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if name := n.Content[i].Value; name == "Keys" || name == "Aliases" {
				r.localKMS(n)
				return
			}
		}
	}
	r.Fields(n, "the file", strictyaml.Members{"keys": func(n *yaml.Node) { r.List(n, "keys", maxKeys, r.key) }})
}

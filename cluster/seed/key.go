package seed

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/arn"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/strictyaml"
)

// key reads an item of keys.
func (r *reader) key(n *yaml.Node) {
	k := Key{Line: n.Line, Account: DefaultAccount, Create: new(kmsapi.CreateKeyRequest)}
	var material secretText
	var pem *yaml.Node
	r.Fields(n, "a key", strictyaml.Members{
		"keyId": r.Text(&k.ID), "region": r.Text(&k.Region), "accountId": r.Text(&k.Account),
		"description": strictyaml.Optional(&r.Reader, &k.Create.Description), "keySpec": strictyaml.Optional(&r.Reader, &k.Create.KeySpec),
		"keyUsage": strictyaml.Optional(&r.Reader, &k.Create.KeyUsage), "origin": strictyaml.Optional(&r.Reader, &k.Create.Origin),
		"policy": r.policy(&k.Create.Policy), "tags": r.tags(&k.Create.Tags),
		"rotationPeriodInDays": r.Number(&k.RotationDays), "aliases": r.aliases(&k.Aliases),
		"material": material.read, "privateKeyPem": func(n *yaml.Node) { pem = n },
		"replicas": func(n *yaml.Node) { r.List(n, "replicas", maxReplicas, func(n *yaml.Node) { r.replica(n, &k) }) },
	})
	switch {
	case material.node != nil && pem != nil:
		r.Fail(pem, "a key has material or privateKeyPem, not both")
	case material.node != nil:
		r.hex(material.node, &k)
	case pem != nil:
		r.pem(pem, &k)
	}
	r.add(k)
}

// secretText is a value whose text is secret: what is wrong with it is told without it.
type secretText struct{ node *yaml.Node }

func (s *secretText) read(n *yaml.Node) { s.node = n }

// replica reads an item of a key's replicas.
func (r *reader) replica(n *yaml.Node, k *Key) {
	x := Replica{Line: n.Line, Replicate: new(kmsapi.ReplicateKeyRequest)}
	in := x.Replicate
	r.Fields(n, "a replica", strictyaml.Members{
		"region": r.Text(&x.Region), "description": strictyaml.Optional(&r.Reader, &in.Description),
		"policy": r.policy(&in.Policy), "tags": r.tags(&in.Tags), "aliases": r.aliases(&x.Aliases),
	})
	if x.Region == "" {
		r.Fail(n, "a replica needs a region")
	}
	for _, other := range k.Replicas {
		if other.Region == x.Region {
			r.Fail(n, "a replica in %s is in line %d", x.Region, other.Line)
		}
	}
	k.Replicas = append(k.Replicas, x)
}

func (r *reader) aliases(into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.List(n, "aliases", maxAliases, func(n *yaml.Node) {
			var name string
			r.Text(&name)(n)
			in := kmsapi.CreateAliasRequest{AliasName: &name, TargetKeyId: new("key")}
			if err := in.Validate(); err != nil || !strings.HasPrefix(name, "alias/") {
				r.Fail(n, "%.40q is not the name of an alias, such as alias/orders", name)
				return
			}
			*into = append(*into, name)
		})
	}
}

func (r *reader) tags(into *[]kmsapi.Tag) func(*yaml.Node) {
	return r.Pairs("tags", maxTags, func(_ *yaml.Node, key, value string) {
		*into = append(*into, kmsapi.Tag{TagKey: &key, TagValue: &value})
	})
}

// policy reads a policy: JSON text, or what is to become it.
func (r *reader) policy(into **string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = new(string)
		r.JSON("the policy", *into)(n)
	}
}

// add takes a key whose members are read and checks it as a whole.
func (r *reader) add(k Key) {
	defer func() { r.file.Keys = append(r.file.Keys, k) }()
	if len(k.Account) != 12 || strings.Trim(k.Account, "0123456789") != "" {
		r.FailAt(k.Line, "accountId %.20q is not 12 digits", k.Account)
	}
	if !arn.ValidKeyID(k.ID) {
		r.FailAt(k.Line, "keyId %.60q is not the id of a key: a UUID, or mrk- and 32 hexadecimal digits", k.ID)
		return
	}
	name := k.Account + "/" + k.ID
	if first, twice := r.seen[name]; twice {
		r.FailAt(k.Line, "key %s is in line %d, too", k.ID, first)
	}
	r.seen[name] = k.Line
	if arn.IsMultiRegion(k.ID) {
		k.Create.MultiRegion = new(true)
	} else if len(k.Replicas) > 0 {
		r.FailAt(k.Line, "key %s cannot have replicas: the id of a multi-Region key begins with mrk-", k.ID)
	}
	if err := k.Create.Validate(); err != nil {
		r.FailAt(k.Line, "%v", err)
	}
	for _, x := range k.Replicas {
		x.Replicate.KeyId, x.Replicate.ReplicaRegion = new(k.ID), new(x.Region)
		if err := x.Replicate.Validate(); err != nil {
			r.FailAt(x.Line, "%v", err)
		}
	}
	if d := k.RotationDays; d != 0 && (d < 90 || d > 2560) {
		r.FailAt(k.Line, "rotationPeriodInDays %d is not between 90 and 2560", d)
	}
	if k.Material == nil {
		return
	}
	m, err := r.primitives.Import(spec(&k), k.Material)
	switch {
	case errors.Is(err, primitive.ErrSpec):
		r.FailAt(k.Line, "there are no keys of spec %.40q", spec(&k))
	case err != nil:
		r.FailAt(k.Line, "the material is not that of a key of spec %s", spec(&k))
	}
	m.Destroy()
}

// spec is the key spec of a key.
func spec(k *Key) string {
	if k.Create.KeySpec == nil {
		return keyspec.SymmetricDefault
	}
	return string(*k.Create.KeySpec)
}

// check holds keys against each other.
func (r *reader) check() {
	type place struct{ account, region, alias string }
	seen := map[place]int{}
	take := func(line int, account, region string, aliases []string) {
		for _, a := range aliases {
			p := place{account, region, a}
			if first, twice := seen[p]; twice {
				r.FailAt(line, "%s is the alias of the key in line %d", a, first)
			}
			seen[p] = line
		}
	}
	for _, k := range r.file.Keys {
		take(k.Line, k.Account, k.Region, k.Aliases)
		for _, x := range k.Replicas {
			take(x.Line, k.Account, x.Region, x.Aliases)
		}
	}
}

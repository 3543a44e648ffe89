package seed

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/strictyaml"
)

// maxBackingKeys bounds the materials that are named of one key.
const maxBackingKeys = 1000

// localKMS reads a file of local-kms.
func (r *reader) localKMS(n *yaml.Node) {
	var aliases []func()
	r.Fields(n, "the file", strictyaml.Members{
		"Keys": func(n *yaml.Node) {
			r.Fields(n, "Keys", strictyaml.Members{
				"Symmetric": func(n *yaml.Node) {
					r.Fields(n, "Symmetric", strictyaml.Members{"Aes": r.localKeys(r.localAES)})
				},
				"Asymmetric": func(n *yaml.Node) {
					r.Fields(n, "Asymmetric", strictyaml.Members{"Rsa": r.localKeys(r.localPair), "Ecc": r.localKeys(r.localPair)})
				},
			})
		},
		"Aliases": func(n *yaml.Node) {
			r.List(n, "Aliases", maxKeys, func(n *yaml.Node) {
				aliases = append(aliases, func() { r.localAlias(n) })
			})
		},
	})
	for _, add := range aliases { // their keys may come after them
		add()
	}
}

func (r *reader) localKeys(read func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) { r.List(n, "the list of keys", maxKeys, read) }
}

// metadata returns a reader of a key's Metadata.
func (r *reader) metadata(k *Key) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.Fields(n, "Metadata", strictyaml.Members{
			"KeyId": r.Text(&k.ID), "Description": strictyaml.Optional(&r.Reader, &k.Create.Description),
			"Origin": strictyaml.Optional(&r.Reader, &k.Create.Origin), "KeyUsage": strictyaml.Optional(&r.Reader, &k.Create.KeyUsage),
		})
	}
}

func (r *reader) localAES(n *yaml.Node) {
	k := Key{Line: n.Line, Account: DefaultAccount, Create: new(kmsapi.CreateKeyRequest)}
	var next string
	var last *yaml.Node
	backing := 0
	r.Fields(n, "a key", strictyaml.Members{
		"Metadata": r.metadata(&k), "NextKeyRotation": r.Text(&next),
		"BackingKeys": func(n *yaml.Node) {
			r.List(n, "BackingKeys", maxBackingKeys, func(n *yaml.Node) { last, backing = n, backing+1 })
		},
	})
	if last != nil {
		r.hex(last, &k)
	}
	if backing > 1 {
		r.note(k.Line, "key %s: the last of %d BackingKeys is taken; what local-kms encrypted under others cannot be read here anyway", k.ID, backing)
	}
	if next != "" {
		k.RotationDays = 365
		r.note(k.Line, "key %s: NextKeyRotation turns rotation on; the first is a year from now, not on %s", k.ID, next)
	}
	r.add(k)
}

func (r *reader) localPair(n *yaml.Node) {
	k := Key{Line: n.Line, Account: DefaultAccount, Create: new(kmsapi.CreateKeyRequest)}
	var pem *yaml.Node
	r.Fields(n, "a key", strictyaml.Members{"Metadata": r.metadata(&k), "PrivateKeyPem": func(n *yaml.Node) { pem = n }})
	if pem == nil {
		r.Fail(n, "PrivateKeyPem is missing")
		return
	}
	r.pem(pem, &k)
	if k.Create.KeyUsage == nil {
		k.Create.KeyUsage = new(kmsapi.KeyUsageType("SIGN_VERIFY"))
	}
	r.add(k)
}

func (r *reader) localAlias(n *yaml.Node) {
	var target string
	var names []string
	r.Fields(n, "an alias", strictyaml.Members{
		"AliasName": func(n *yaml.Node) {
			r.aliases(&names)(&yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: []*yaml.Node{n}})
		},
		"TargetKeyId": r.Text(&target),
	})
	for i := range r.file.Keys {
		if r.file.Keys[i].ID == target {
			r.file.Keys[i].Aliases = append(r.file.Keys[i].Aliases, names...)
			return
		}
	}
	r.Fail(n, "TargetKeyId %.60q is not a key of this file", target)
}

func (r *reader) note(line int, format string, args ...any) {
	r.file.Notes = append(r.file.Notes, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

package history

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// fields are the members of a request or an answer, by AWS's names. A blob is base64 text, as on the wire.
type fields map[string]any

// parse reads a body; what is no object has no fields.
func parse(body []byte) fields {
	var f fields
	if json.Unmarshal(body, &f) != nil {
		return fields{}
	}
	return f
}

// fieldsOf returns the members of an input or output of the SDK, which names its fields as the wire does.
func fieldsOf(v any) fields {
	body, err := json.Marshal(v)
	if err != nil {
		return fields{}
	}
	return parse(body)
}

func (f fields) text(name string) string { s, _ := f[name].(string); return s }
func (f fields) flag(name string) bool   { b, _ := f[name].(bool); return b }
func (f fields) object(name string) fields {
	o, _ := f[name].(map[string]any)
	return o
}

// each calls do with each object of a list.
func (f fields) each(name string, do func(fields)) {
	list, _ := f[name].([]any)
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			do(o)
		}
	}
}

// digest names secret text without giving it away.
type digest []byte

func (d digest) of(text string) string {
	if text == "" {
		return ""
	}
	mac := hmac.New(sha256.New, d)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:10])
}

// name takes a key's id or an alias's name out of what a caller may write: id, ARN, alias name, alias ARN.
func name(text string) (key, alias string) {
	if strings.HasPrefix(text, "alias/") {
		return "", text
	}
	resource := text[strings.LastIndexByte(text, ':')+1:]
	if strings.HasPrefix(resource, "alias/") {
		return "", resource
	}
	return strings.TrimPrefix(resource, "key/"), ""
}

// ask takes from a request what judges need.
func (d digest) ask(op string, f fields) Ask {
	a := Ask{
		Description: f.text("Description"),
		Blob:        d.of(f.text("CiphertextBlob")),
		Plain:       d.of(f.text("Plaintext")),
		MultiRegion: f.flag("MultiRegion"),
		DryRun:      f.flag("DryRun"),
		Grant:       f.text("GrantId"),
		Page:        f.text("Marker") != "",
	}
	a.Key, a.Alias = name(f.text("KeyId"))
	if n := f.text("AliasName"); n != "" {
		a.Alias = n
		a.Target, _ = name(f.text("TargetKeyId"))
	}
	a.ToRegion = f.text("ReplicaRegion")
	if op == "UpdatePrimaryRegion" {
		a.ToRegion = f.text("PrimaryRegion")
	}
	return a
}

// answer takes from an answer what judges need.
func (d digest) answer(f fields) Answer {
	a := Answer{
		Material: f.text("KeyMaterialId"),
		Grant:    f.text("GrantId"),
		Blob:     d.of(f.text("CiphertextBlob")),
		Plain:    d.of(f.text("Plaintext")),
		More:     f.flag("Truncated"),
		State:    f.text("KeyState"),
	}
	a.Key, _ = name(f.text("KeyId"))
	for _, member := range []string{"KeyMetadata", "ReplicaKeyMetadata"} {
		if m := f.object(member); m != nil {
			a.metadata(m)
		}
	}
	f.each("Grants", func(g fields) { a.Grants = append(a.Grants, g.text("GrantId")) })
	slices.Sort(a.Grants)
	f.each("Aliases", func(alias fields) {
		if target := alias.text("TargetKeyId"); target != "" {
			if a.Aliases == nil {
				a.Aliases = map[string]string{}
			}
			a.Aliases[alias.text("AliasName")] = target
		}
	})
	return a
}

// metadata takes a key's description by the service.
func (a *Answer) metadata(m fields) {
	a.Key, a.State, a.Description = m.text("KeyId"), m.text("KeyState"), m.text("Description")
	a.Material, a.MultiRegion = m.text("CurrentKeyMaterialId"), m.flag("MultiRegion")
	regions := m.object("MultiRegionConfiguration")
	if regions == nil {
		return
	}
	a.Primary = regions.object("PrimaryKey").text("Region")
	set := map[string]bool{}
	regions.each("ReplicaKeys", func(r fields) { set[r.text("Region")] = true })
	a.Replicas = slices.Sorted(maps.Keys(set))
}

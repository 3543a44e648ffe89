package audit

import (
	"reflect"
	"slices"

	"meridian/keyengine/arn"
)

// keysOf returns the keys that a call is about: those that its answer names, else those that its request names, as far
// as they can be found.
func (r *recorder) keysOf(c *Call) (keys []arn.Key) {
	add := func(name string) {
		if k, err := arn.ParseKey(name); err == nil && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if c.Output != nil {
		out := reflect.ValueOf(c.Output).Elem()
		for _, member := range [...]string{"SourceKeyId", "KeyId", "KeyMetadata", "ReplicaKeyMetadata"} {
			add(keyIn(out, member))
		}
	}
	add(c.Call.Meant)
	if len(keys) > 0 || c.Input == nil {
		return keys
	}
	in := reflect.ValueOf(c.Input).Elem()
	for _, member := range [...]string{"KeyId", "TargetKeyId", "AliasName", "SourceKeyId", "DestinationKeyId"} {
		if name := textIn(in, member); name != "" && r.config.Resolve != nil {
			add(r.config.Resolve(c.Call.Caller.Account, name))
		}
	}
	return keys
}

// aliasOf returns the alias that a call is about, in the form in which AWS's entries have it: as a key. An alias by which a
// call names its key is not what the call is about.
func (r *recorder) aliasOf(c *Call) []resource {
	name := textIn(reflect.ValueOf(c.Input).Elem(), "AliasName")
	if name == "" {
		return nil
	}
	a := arn.Alias{Partition: arn.PartitionOf(r.config.Region), Region: r.config.Region, Account: c.Call.Caller.Account, Name: clip(name, maxMessage)}
	return []resource{{c.Call.Caller.Account, keyType, a.String()}}
}

// keyIn returns the ARN that a member of an answer holds, itself or as key metadata.
func keyIn(out reflect.Value, member string) string {
	f := out.FieldByName(member)
	if f.IsValid() && f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && !f.IsNil() {
		return textIn(f.Elem(), "Arn")
	}
	return textIn(out, member)
}

// textIn returns the text of a member; empty if there is none.
func textIn(s reflect.Value, member string) string {
	f := s.FieldByName(member)
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() || f.Elem().Kind() != reflect.String {
		return ""
	}
	return f.Elem().String()
}

// materialOf returns the id of the key material that an answer of cryptography names.
func materialOf(out any) string {
	if out == nil {
		return ""
	}
	return textIn(reflect.ValueOf(out).Elem(), "KeyMaterialId")
}

package keyengine

import (
	"slices"
	"strings"

	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// MaxTagsPerKey is how many tags a key may have.
const MaxTagsPerKey = 50

// TagResource adds tags, or gives those that are there another value.
type TagResource struct{ Request *kmsapi.TagResourceRequest }

// Operation implements Command.
func (TagResource) Operation() string { return "TagResource" }

func (c TagResource) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "TagResource", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	given, err := checkTags(tagsOf(c.Request.Tags))
	if err != nil {
		return nil, err
	}
	tags := t.key().Tags
	return nil, d.setTags(t, tags, mergeTags(tags, given))
}

// UntagResource removes tags. Keys that are not there are passed over.
type UntagResource struct{ Request *kmsapi.UntagResourceRequest }

// Operation implements Command.
func (UntagResource) Operation() string { return "UntagResource" }

func (c UntagResource) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "UntagResource", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.Request.TagKeys, reservedTag) {
		return nil, errReservedTag()
	}
	tags := t.key().Tags
	rest := slices.DeleteFunc(slices.Clone(tags), func(tag family.Tag) bool {
		return slices.Contains(c.Request.TagKeys, tag.Key)
	})
	return nil, d.setTags(t, tags, rest)
}

// setTags emits a change of tags, if it is one.
func (d *draft) setTags(t *target, before, after []family.Tag) error {
	if len(after) > MaxTagsPerKey {
		return tooManyTags()
	}
	if !slices.Equal(before, after) {
		d.emit(TagsChanged{Account: t.ref.Account, KeyID: t.ref.KeyID, Tags: after})
	}
	return nil
}

func tooManyTags() error {
	return fault(kmsapi.LimitExceededException, "A KMS key may have at most %d tags.", MaxTagsPerKey)
}

func tagsOf(in []kmsapi.Tag) []family.Tag {
	var tags []family.Tag
	for _, t := range in {
		tags = append(tags, family.Tag{Key: val(t.TagKey), Value: val(t.TagValue)})
	}
	return tags
}

func apiTags(tags []family.Tag) []kmsapi.Tag {
	out := []kmsapi.Tag{}
	for _, t := range tags {
		out = append(out, kmsapi.Tag{TagKey: new(t.Key), TagValue: new(t.Value)})
	}
	return out
}

// newTags checks the tags of a key to be made and sorts them.
func newTags(given []family.Tag) ([]family.Tag, error) {
	tags, err := checkTags(given)
	if err == nil && len(tags) > MaxTagsPerKey {
		err = tooManyTags()
	}
	return tags, err
}

// checkTags refuses tags that contradict each other or that only AWS may set, and sorts them.
func checkTags(given []family.Tag) ([]family.Tag, error) {
	tags := slices.SortedFunc(slices.Values(given), func(a, b family.Tag) int { return strings.Compare(a.Key, b.Key) })
	for i, t := range tags {
		if i > 0 && tags[i-1].Key == t.Key {
			return nil, fault(kmsapi.TagException, "Duplicate tag keys")
		}
		if reservedTag(t.Key) {
			return nil, errReservedTag()
		}
	}
	return tags, nil
}

// reservedTag reports whether only AWS may set and remove tags of that key.
func reservedTag(key string) bool { return strings.HasPrefix(key, "aws:") }

func errReservedTag() error {
	return fault(kmsapi.TagException, "Tag keys that begin with aws: are reserved.")
}

// mergeTags lays the tags of over on those of under; both are sorted, and so is the result.
func mergeTags(under, over []family.Tag) []family.Tag {
	merged := slices.Clone(over)
	for _, t := range under {
		if !slices.ContainsFunc(over, func(o family.Tag) bool { return o.Key == t.Key }) {
			merged = append(merged, t)
		}
	}
	slices.SortFunc(merged, func(a, b family.Tag) int { return strings.Compare(a.Key, b.Key) })
	return merged
}

// ListResourceTags answers the operation.
func (v *View) ListResourceTags(f Facts, in *kmsapi.ListResourceTagsRequest) (*kmsapi.ListResourceTagsResponse, error) {
	t, err := v.manage(f, "ListResourceTags", in.KeyId)
	if err != nil {
		return nil, err
	}
	tags, truncated, next, err := pageOf(t.key().Tags, func(t family.Tag) string { return t.Key },
		"ListResourceTags", t.ref.String(), in.Limit, in.Marker, bounds{normal: 50, most: 50})
	if err != nil {
		return nil, err
	}
	return &kmsapi.ListResourceTagsResponse{Tags: apiTags(tags), Truncated: truncated, NextMarker: next}, nil
}

func (e TagsChanged) evolve(s state) {
	s.changeKey(Ref{e.Account, e.KeyID}, func(k *Key) { k.Tags = e.Tags })
}

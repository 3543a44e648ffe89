package policy

import (
	"fmt"
	"strings"
)

// arnParts is an ARN cut at its first five colons.
const arnParts = 6

// resource is a compiled element of Resource or NotResource.
type resource struct {
	all  bool // *
	part [arnParts]pattern
}

// compileResource reads * or an ARN with wildcards. Parts that an ARN lacks count as *.
func compileResource(s string, variables bool) (resource, error) {
	if strings.Trim(s, "*") == "" && s != "" {
		return resource{all: true}, nil
	}
	if !strings.HasPrefix(s, "arn:") {
		return resource{}, said(fmt.Sprintf("Resource %.128s must be in ARN format or \"*\".", s))
	}
	parts := splitARN(s, variables)
	var r resource
	for i := range r.part {
		text := "*"
		if i < len(parts) {
			text = parts[i]
		}
		var err error
		if r.part[i], err = compile(text, true, variables); err != nil {
			return resource{}, err
		}
	}
	return r, nil
}

// splitARN cuts an ARN into its parts, at colons that are not those of a policy variable.
func splitARN(s string, variables bool) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s) && len(parts) < arnParts-1; i++ {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			if end := strings.IndexByte(s[i:], '}'); end > 0 {
				i += end
			}
		case s[i] == ':':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// cutARN cuts the ARN of a call; false for what is none, such as the resource * of ListKeys.
func cutARN(s string) (part [arnParts]string, ok bool) {
	if !strings.HasPrefix(s, "arn:") {
		return part, false
	}
	for i := range arnParts - 1 {
		var found bool
		if part[i], s, found = strings.Cut(s, ":"); !found {
			return part, false
		}
	}
	part[arnParts-1] = s
	return part, true
}

// matches reports whether the ARN of a call is what r describes.
func (r *resource) matches(e *evaluation, arn *[arnParts]string, isARN bool) bool {
	if r.all || !isARN {
		return r.all
	}
	for i := range r.part {
		if !r.part[i].matches(e, arn[i]) {
			return false
		}
	}
	return true
}

package arn

import (
	"encoding/hex"
	"strings"
)

const (
	multiPrefix = "mrk-"
	aliasPrefix = "alias/"

	// AWSAliasPrefix begins the aliases that no caller may make.
	AWSAliasPrefix = "alias/aws/"
	// MaxAliasBytes is the longest alias name, prefix included.
	MaxAliasBytes = 256
)

// NewKeyID formats a key id: mrk- and 32 hexadecimal digits for a multi-Region key, the usual text
// form of a UUID otherwise. Uniqueness is the caller's: u comes from a source of randomness.
func NewKeyID(u [16]byte, multi bool) string {
	h := hex.EncodeToString(u[:])
	if multi {
		return multiPrefix + h
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// IsMultiRegion reports whether a key id is one of a multi-Region key.
func IsMultiRegion(id string) bool { return strings.HasPrefix(id, multiPrefix) }

// ValidKeyID reports whether id has the form of a key id, single- or multi-Region.
func ValidKeyID(id string) bool {
	if h, ok := strings.CutPrefix(id, multiPrefix); ok {
		return len(h) == 32 && all(h, isHex)
	}
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch i {
		case 8, 13, 18, 23:
			if id[i] != '-' {
				return false
			}
		default:
			if !isHex(id[i]) {
				return false
			}
		}
	}
	return true
}

// ValidAliasName reports whether s is alias/ and a name: letters, digits, colon, slash, underscore,
// hyphen. Names reserved for AWS are valid here; who may make them is decided elsewhere.
func ValidAliasName(s string) bool {
	name, ok := strings.CutPrefix(s, aliasPrefix)
	return ok && len(s) <= MaxAliasBytes && all(name, isAlias)
}

func isAlias(c byte) bool {
	return isLower(c) || isDigit(c) || 'A' <= c && c <= 'Z' || c == ':' || c == '/' || c == '_' || c == '-'
}

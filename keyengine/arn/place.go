package arn

import "strings"

// MaxRegionBytes is the longest name of a Region.
const MaxRegionBytes = 32

// PartitionOf returns the partition that a Region belongs to. The Region's name decides: related
// keys never cross a partition, so the two may never disagree.
func PartitionOf(region string) string {
	prefix, rest, _ := strings.Cut(region, "-")
	second, _, _ := strings.Cut(rest, "-")
	switch {
	case prefix == "cn":
		return "aws-cn"
	case prefix == "eusc":
		return "aws-eusc"
	case prefix == "us" && second == "gov":
		return "aws-us-gov"
	case strings.HasPrefix(second, "iso") && len(second) <= len("isox"):
		return strings.TrimSuffix("aws-iso-"+second[len("iso"):], "-")
	}
	return "aws"
}

// ValidPartition reports whether p is a partition that some Region can have.
func ValidPartition(p string) bool {
	switch p {
	case "aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f":
		return true
	}
	return false
}

// ValidRegion reports whether s has the form of a Region's name: two or three words of lower-case
// letters, then a number, joined by hyphens.
func ValidRegion(s string) bool {
	if len(s) > MaxRegionBytes {
		return false
	}
	part := strings.Split(s, "-")
	if len(part) != 3 && len(part) != 4 {
		return false
	}
	last := len(part) - 1
	for _, word := range part[:last] {
		if !all(word, isLower) {
			return false
		}
	}
	return all(part[last], isDigit) && ValidPartition(PartitionOf(s))
}

// ValidAccount reports whether s is an account id: twelve digits.
func ValidAccount(s string) bool { return len(s) == 12 && all(s, isDigit) }

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }

// all reports whether s is not empty and each byte of it is ok.
func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

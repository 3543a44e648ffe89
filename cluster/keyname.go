package cluster

import (
	"context"
	"fmt"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// noAccount is the account of who names none.
const noAccount = "000000000000"

// KeyName is a key as a command names it.
type KeyName struct {
	ID, Account, Region string // the last two are empty unless it was an ARN
}

// ParseKey reads a key id or a key ARN.
func ParseKey(text string) (KeyName, error) {
	if a, err := arn.ParseKey(text); err == nil {
		return KeyName{ID: a.ID, Account: a.Account, Region: a.Region}, nil
	}
	if !arn.ValidKeyID(text) {
		return KeyName{}, fmt.Errorf("%w: %.80q is neither a key id nor a key ARN", ErrUsage, text)
	}
	return KeyName{ID: text}, nil
}

// CheckKeyName refuses what FindKey cannot mean a key by.
func CheckKeyName(text string) error {
	if _, err := arn.Parse(text); err != nil {
		return fmt.Errorf("%w: %.80q is neither a key id nor an alias (alias/...) nor the ARN of one", ErrUsage, text)
	}
	return nil
}

// FindKey reads a key id, a key ARN, or an alias: its name or ARN. Aliases belong to one Region: without an ARN the
// given Regions are asked, all of them if there is none, and must not mean different keys by it. An alias name is of
// the account of zeros.
func (c *Cluster) FindKey(ctx context.Context, text string, regions []string) (KeyName, error) {
	name, err := arn.Parse(text)
	if err != nil || !name.Form.IsAlias() {
		return ParseKey(text)
	}
	if name.Form == arn.AliasARN {
		regions = []string{name.Region}
	} else {
		name.Account = noAccount
	}
	if len(regions) == 0 {
		regions = c.File.Names()
	}
	var found KeyName
	var where []string
	for _, region := range regions {
		var out kmsapi.DescribeKeyResponse
		err := seeder{c, name.Account}.call(ctx, region, "DescribeKey", &kmsapi.DescribeKeyRequest{KeyId: &text}, &out)
		switch {
		case is(err, kmsapi.NotFoundException):
			continue
		case err != nil:
			return KeyName{}, fmt.Errorf("%w: which key %s is: %w", ErrUnknown, text, err)
		}
		id := *out.KeyMetadata.KeyId
		if len(where) > 0 && id != found.ID {
			return KeyName{}, fmt.Errorf("%w: %s is key %s in %s and key %s in %s: name the Region with --region, or the key by its id",
				ErrUsage, text, found.ID, strings.Join(where, ", "), id, region)
		}
		found, where = KeyName{ID: id, Account: name.Account}, append(where, region)
	}
	if len(where) == 0 {
		return KeyName{}, fmt.Errorf("there is no alias %s in %s", text, strings.Join(regions, ", "))
	}
	if len(where) == 1 {
		found.Region = where[0]
	}
	return found, nil
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/keyengine/arn"
)

// fenceTime bounds how long a Region may take to declare another one lost, with all its keys.
const fenceTime = 5 * time.Minute

// ErrNotLost is why an operator's act against a Region is refused that answers.
var ErrNotLost = errors.New("that Region is not lost")

// Fencing is what FenceLost did.
type Fencing struct {
	Lost     string             `json:"lost"`
	Keys     []control.Declared `json:"keys"`     // whose member in the lost Region was fenced out
	Headless []string           `json:"headless"` // ARNs of members whose primary is in the lost Region
	Silent   []string           `json:"silent,omitempty"`
}

// FenceLost has every other Region declare that a Region will never return. It refuses, without force, while a node
// of that Region answers. Regions that could not be asked are named in the answer, with ErrUnknown; asking again does
// no harm.
func (c *Cluster) FenceLost(ctx context.Context, lost string, force bool) (f Fencing, err error) {
	f = Fencing{Lost: lost, Keys: []control.Declared{}, Headless: []string{}}
	region, ok := c.File.Region(lost)
	if !ok {
		return f, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, lost, strings.Join(c.File.Names(), ", "))
	}
	if err := c.mustBeSilent(ctx, region, force); err != nil {
		return f, err
	}
	for i, r := range c.File.Regions {
		if r.Name == lost {
			continue
		}
		answer, err := c.fenceAt(ctx, i, lost)
		f.Keys, f.Headless = append(f.Keys, answer.Keys...), append(f.Headless, answer.Headless...)
		if err != nil {
			c.Note("%s has not declared it: %v", r.Name, err)
			f.Silent = append(f.Silent, r.Name)
		}
	}
	if len(f.Silent) > 0 {
		return f, fmt.Errorf("%w: ask again when %s can be reached", ErrUnknown, strings.Join(f.Silent, " and "))
	}
	return f, nil
}

func (c *Cluster) fenceAt(ctx context.Context, region int, lost string) (control.Fenced, error) {
	client, err := c.toLeader(ctx, region)
	if err != nil {
		return control.Fenced{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, fenceTime)
	defer cancel()
	answer, err := client.FenceLost(ctx, lost)
	if err == nil && answer.Fault != nil {
		err = answer.Fault
	}
	return answer, err
}

// mustBeSilent refuses an act against a Region of which a node answers.
func (c *Cluster) mustBeSilent(ctx context.Context, r *layout.Region, force bool) error {
	if force {
		return nil
	}
	for name := range c.ask(ctx, r) {
		return fmt.Errorf("node %s of %s answers: %w; --force does it all the same", name, r.Name, ErrNotLost)
	}
	return nil
}

// ForcePromote makes a Region's member of a key primary without the consent of the old primary. It refuses, without
// force, while a node of the old primary's Region answers. The key is named by its id or an ARN.
func (c *Cluster) ForcePromote(ctx context.Context, account, key, region string, force bool) (control.Declared, error) {
	if k, err := arn.ParseKey(key); err == nil {
		account, key = k.Account, k.ID
	}
	if !arn.ValidAccount(account) || !arn.ValidKeyID(key) || !arn.IsMultiRegion(key) {
		return control.Declared{}, fmt.Errorf("%w: %q is not the id or ARN of a multi-Region key (mrk-...)", ErrUsage, key)
	}
	at := -1
	for i, r := range c.File.Regions {
		if r.Name == region {
			at = i
		}
	}
	if at < 0 {
		return control.Declared{}, fmt.Errorf("%w: the cluster has no Region %q; it has %s", ErrUsage, region, strings.Join(c.File.Names(), ", "))
	}
	old, err := seeder{c, account}.primaryOf(ctx, region, key)
	if err != nil {
		return control.Declared{}, err
	}
	if r, ok := c.File.Region(old); ok && old != region {
		if err := c.mustBeSilent(ctx, r, force); err != nil {
			return control.Declared{}, fmt.Errorf("%w (UpdatePrimaryRegion moves the role and loses nothing)", err)
		}
	}
	client, err := c.toLeader(ctx, at)
	if err != nil {
		return control.Declared{}, err
	}
	answer, err := client.ForcePromote(ctx, account, key)
	switch {
	case err != nil:
		return control.Declared{}, fmt.Errorf("%w: whether %s is primary now: %w", ErrUnknown, region, err)
	case answer.Fault != nil:
		return control.Declared{}, answer.Fault
	}
	return answer.Declared, nil
}

// primaryOf is the Region of a key's primary, as another Region knows it.
func (s seeder) primaryOf(ctx context.Context, region, key string) (string, error) {
	var out struct {
		KeyMetadata struct {
			MultiRegionConfiguration struct{ PrimaryKey struct{ Region string } }
		}
	}
	err := s.call(ctx, region, "DescribeKey", map[string]string{"KeyId": key}, &out)
	return out.KeyMetadata.MultiRegionConfiguration.PrimaryKey.Region, err
}

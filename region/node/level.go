package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"meridian/cluster/layout"
	"meridian/eventlog"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/region/keystore"
)

// able returns the feature level that every member of the Region's log knows, with or without a vote. It is an error
// if one does not say.
func (m *members) able(ctx context.Context) (uint32, error) {
	list, err := m.log.Members(ctx)
	if err != nil {
		return 0, err
	}
	known := make([]uint32, len(list))
	silent := make([]error, len(list))
	var wg sync.WaitGroup
	for i, member := range list {
		if member.ID == m.self {
			known[i] = keyengine.FeatureLevel
			continue
		}
		wg.Go(func() {
			s, err := m.standing(ctx, member.Addr)
			switch {
			case err != nil:
				silent[i] = fmt.Errorf("member %s does not say what it knows: %w", member.ID, err)
			case s.ID != member.ID:
				silent[i] = fmt.Errorf("at %s there is server %s, not member %s", member.Addr, s.ID, member.ID)
			default:
				known[i] = max(s.Level, 1)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(silent...); err != nil {
		return 0, err
	}
	least := uint32(keyengine.FeatureLevel)
	for _, level := range known {
		least = min(least, level)
	}
	return least, nil
}

// newer reports whether an error says that this program is too old for what it read. Nothing is wrong with the node's
// files then.
func newer(err error) bool {
	return slices.ContainsFunc([]error{eventlog.ErrNewer, keystore.ErrNewer, raftlog.ErrNewer, keyring.ErrNewer, layout.ErrNewer},
		func(kind error) bool { return errors.Is(err, kind) })
}

// remedy is what helps a node that an error of its files keeps from starting.
func (c *Config) remedy(err error) string {
	if newer(err) {
		return c.outdated()
	}
	return c.cure()
}

// outdated is what helps a node whose program is too old.
func (c *Config) outdated() string {
	return fmt.Sprintf("nothing is wrong with its files: start node %s with the program that the other nodes of %s run", c.Node.Name, c.Region.Name)
}

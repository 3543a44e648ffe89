//go:build nextlevel

package codec

import (
	"testing"

	"meridian/keyengine"
)

// TestNextLevel: an event is written in the newer version only where it says something new, and says which level that
// takes; what the older program wrote is read.
func TestNextLevel(t *testing.T) {
	for _, c := range []struct {
		mark    string
		version uint8
		level   uint32
	}{
		{version: 1, level: 1},
		{mark: keyengine.NextMark, version: 2, level: keyengine.FeatureLevel},
	} {
		event := keyengine.DescriptionUpdated{Account: "111122223333", KeyID: "k", Description: "d", Mark: c.mark}
		e := Encode(event)
		if e.Version != c.version || Level(e) != c.level {
			t.Errorf("%q: version %d, level %d", c.mark, e.Version, Level(e))
		}
		if back, err := Decode(e); err != nil || back != keyengine.Event(event) {
			t.Errorf("%q: %+v, %v", c.mark, back, err)
		}
		e.Version = 3
		if _, err := Decode(e); err == nil {
			t.Error("version 3 is read")
		}
	}
}

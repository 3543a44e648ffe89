//go:build nextlevel

package codec

import "meridian/keyengine"

// next are those of the level that tests make up: see keyengine.
func next() []raise {
	return []raise{{number: 3, version: 2, level: keyengine.FeatureLevel, needs: func(e any) bool { return e.(keyengine.DescriptionUpdated).Mark != "" }}}
}

//go:build nextlevel

package codec

import "meridian/keyengine"

// raises are those of the level that tests make up: see keyengine.
func raises() []raise {
	return []raise{{number: 3, version: 2, level: 2, needs: func(e any) bool { return e.(keyengine.DescriptionUpdated).Mark != "" }}}
}

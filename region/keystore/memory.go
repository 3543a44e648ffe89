package keystore

import "github.com/cockroachdb/pebble/v2/vfs"

// Memory is a file system for Config.FS that is gone with the process.
func Memory() vfs.FS { return vfs.NewMem() }

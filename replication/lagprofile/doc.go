// Package lagprofile says how long what one Region tells another stays on its way.
//
// A Profile gives each class of message (a replica's birth, a change of shared properties, a move of the primary
// role, key material, a status) a distribution of delays, for all links or for some, each direction by itself. A
// delay is a function of the profile's seed and of what is delayed: whoever asks again is told the same, so another
// leader goes on where one left off.
//
// Profiles are YAML files; six are built in, see Presets. Parse promises that a file is a profile or is refused with
// each defect and its line. This package moves nothing and reads no clock: package replication holds messages back.
//
//	p, err := lagprofile.Preset("aws-like")
//	d := p.Delay(lagprofile.Link{From: "us-east-1", To: "eu-west-1"}, lagprofile.Creation, key, version)
//
// All of it are values; nothing here starts a goroutine.
package lagprofile

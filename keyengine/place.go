package keyengine

import (
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// Place is where an engine runs.
type Place struct {
	Partition string // "aws"
	Region    string // "us-east-1"
}

// Ref names a key in every Region: related multi-Region keys have the same one.
type Ref struct {
	Account string
	KeyID   string
}

func (r Ref) String() string { return r.Account + "/" + r.KeyID }

// keyARN is the name of ref's key in a Region of this partition.
func (p Place) keyARN(region string, ref Ref) string {
	return arn.Key{Partition: p.Partition, Region: region, Account: ref.Account, ID: ref.KeyID}.String()
}

// aliasARN is the name of an alias in this Region; name begins with "alias/".
func (p Place) aliasARN(account, name string) string {
	return arn.Alias{Partition: p.Partition, Region: p.Region, Account: account, Name: name}.String()
}

// Facts is what was found out before a command is decided.
type Facts struct {
	Now            int64 // Region time, ms since 1970 UTC
	RequestID      string
	Caller         kmsapi.Principal
	HandoffTimeout int64    // ms; an UpdatePrimaryRegion that did not get on in this time is given up
	Regions        []string // of this cluster; a ReplicateKey elsewhere is refused. Empty: any Region
	Asker          *Asker   // decides what the caller may do; nil: nobody asks, the Region does its own work
}

// NewMaterial is key material that was made or opened for a command, before it was decided. Its
// secret, wrapped under the key of Leaf, travels beside the record.
type NewMaterial struct {
	ID   family.MaterialID `cbor:"1,keyasint"`
	Leaf uint64            `cbor:"2,keyasint"`
}

package cluster

import (
	"fmt"
	"strings"

	"meridian/cluster/layout"
	"meridian/keyengine/identity"
)

// Development credentials: root of the account 000000000000. A node refuses them when it listens beyond this machine.
const (
	DevAccessKey = "test"
	DevSecretKey = "test"
)

// DevelopmentKeys says whether callers may use the access key test, which the identity file may forbid.
func (c *Cluster) DevelopmentKeys() (bool, error) {
	d, err := layout.Load(c.Dir.IdentityFile(), identity.MaxBytes, nil, identity.Parse)
	return d.Development(), err
}

// NeedDevelopmentKeys is an error if callers may not use the access key test: what is about to call does.
func (c *Cluster) NeedDevelopmentKeys(who string) error {
	works, err := c.DevelopmentKeys()
	if err == nil && !works {
		err = fmt.Errorf("%s calls with the access key %s, which the identity file in force turns off: `developmentKeys: true` in it allows it", who, DevAccessKey)
	}
	return err
}

// Env returns what lets AWS clients find the cluster through the environment: the front door, which tells Regions by
// the signature, and the first Region as the default.
func (c *Cluster) Env() [][2]string {
	return [][2]string{
		{"AWS_ENDPOINT_URL_KMS", "http://" + c.File.Addr(c.File.Port)},
		{"AWS_ENDPOINT_URL_STS", "http://" + c.File.Addr(c.File.Port)},
		{"AWS_REGION", c.File.Regions[0].Name},
		{"AWS_DEFAULT_REGION", c.File.Regions[0].Name}, // the name that version 1 of the AWS CLI knows
		{"AWS_ACCESS_KEY_ID", DevAccessKey},
		{"AWS_SECRET_ACCESS_KEY", DevSecretKey},
	}
}

// Exports is Env as commands of a shell.
func (c *Cluster) Exports() string {
	var b strings.Builder
	for _, v := range c.Env() {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], v[1])
	}
	return b.String()
}

// AWSConfig returns profiles for the AWS configuration file, one for each Region. Profiles carry credentials because
// some SDKs, given a profile, ignore those of the environment.
func (c *Cluster) AWSConfig() string {
	var b strings.Builder
	for i, r := range c.File.Regions {
		if i > 0 {
			b.WriteByte('\n')
		}
		name := "kms-" + r.Name
		fmt.Fprintf(&b, "[profile %s]\nregion = %s\nservices = %s\naws_access_key_id = %s\naws_secret_access_key = %s\n\n",
			name, r.Name, name, DevAccessKey, DevSecretKey)
		fmt.Fprintf(&b, "[services %s]\nkms =\n  endpoint_url = http://%s\nsts =\n  endpoint_url = http://%s\n", name, c.File.Addr(r.Port), c.File.Addr(r.Port))
	}
	return b.String()
}

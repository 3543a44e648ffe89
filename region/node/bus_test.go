package node_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// TestRegionsWithoutABroker: families converge where no node's NATS port is to be found, whether the cluster has
// brokers that are away or none at all; and a cut between Regions cuts this way, too.
func TestRegionsWithoutABroker(t *testing.T) {
	for name, change := range map[string]func(*node.Config){
		"brokers are away": func(c *node.Config) { c.NATSAddr = "127.0.0.1:0" }, // nobody listens where cluster.json says
		"no brokers":       func(c *node.Config) { c.Cluster.Transport = layout.TransportHTTP },
	} {
		t.Run(name, func(t *testing.T) {
			layers := map[string]*fault.Layer{}
			s := sides{Cluster: nodetest.NewWith(t, func(c *node.Config) { change(c); layers[c.Node.Name] = c.Faults }, 1, "us-east-1", "eu-west-1")}
			s.Ready()
			created, err := s.Client(atEast).CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: new(true)})
			if err != nil {
				t.Fatal(err)
			}
			s.id = *created.KeyMetadata.KeyId
			s.replicate(atEast, "eu-west-1")
			s.rotate(atEast) // the material has to be there and word of it back
			sealed := s.encrypt(atEast, "over the direct way")
			if !s.decrypts(atWest, sealed) {
				t.Error("the west does not decrypt")
			}
			if name != "no brokers" {
				return
			}
			for version, p := range []fault.Kind{fault.Partition, ""} {
				table := fault.Table{Format: fault.Format, Version: uint64(version + 1)}
				if p != "" {
					table.Rules = []fault.Rule{{Kind: p, A: "us-east-1", B: "eu-west-1"}}
				}
				for _, l := range layers {
					if err := l.Set(table); err != nil {
						t.Fatal(err)
					}
				}
				up := p == ""
				s.Eventually("the link is as the fault has it", func() bool {
					lags, err := s.admin(atEast).Lag(t.Context())
					return err == nil && len(lags) == 1 && lags[0].LinkUp == up
				})
			}
		})
	}
}

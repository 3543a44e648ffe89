package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/keyview"
)

// loses asks what the death of a Region would cost of a key, and what each other Region could do without it.
func (c *cluster) loses(t *testing.T, region, key string) (what string, without map[string]keyview.Ability) {
	t.Helper()
	out, err := c.run("loss", region, "-o", "json")
	if code := exitOf(t, err); code > 1 {
		t.Fatal(err)
	}
	var losses []keyview.Loss
	parse(t, out, &losses)
	var kinds []string
	for _, l := range losses[0].Lost {
		if l.Key == key {
			kinds = append(kinds, l.What)
		}
	}
	if len(losses[0].Lost) > 0 != (exitOf(t, err) == 1) {
		t.Errorf("exit code %d, lost %+v", exitOf(t, err), losses[0].Lost)
	}
	without = map[string]keyview.Ability{}
	for _, a := range losses[0].Without {
		if a.Key == key {
			without[a.Region] = a
		}
	}
	return strings.Join(kinds, " "), without
}

// lags asks how far Regions are behind with a key.
func (c *cluster) lags(t *testing.T, key string) map[string]keyview.KeyLag {
	t.Helper()
	var list []keyview.KeyLag
	parse(t, c.do(t, "lag", "--key", key, "-o", "json"), &list)
	by := map[string]keyview.KeyLag{}
	for _, l := range list {
		by[l.From+" "+l.To] = l
	}
	return by
}

// TestLossAndLag asks what would be lost and who is behind, then really loses the Region, and tries what was said.
func TestLossAndLag(t *testing.T) {
	c := breakable(t)
	us, eu := c.client(east), c.client(west)
	key := createKey(t, us, true)
	blob := encrypt(t, us, key, "hello", nil)
	if what, without := c.loses(t, east, key); what != keyview.LostKey || len(without) != 0 {
		t.Errorf("without a replica: %q, %+v", what, without)
	}
	c.replicate(t, key, east, west)
	c.do(t, "lag", "--key", key, "--wait-converged")
	if what, without := c.loses(t, east, key); what != "" || without[west].Decrypt != keyview.Yes || without[west].Promote != keyview.Forced || without[west].Replicate != keyview.No {
		t.Errorf("with a replica: %q, %+v", what, without)
	}

	c.do(t, "sync", "pause", west)
	_, err := us.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &key})
	ok(t, err)
	_, err = us.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: &key})
	ok(t, err)
	if l := c.lags(t, key)[east+" "+west]; l.Records != 2 || l.BehindMillis == 0 || l.Has == l.Newest {
		t.Errorf("two changes were made and paused: %+v", l)
	}
	out, err := c.run("lag", "--key", key, "--wait-converged", "--timeout", "1s")
	if exitOf(t, err) != 3 || !strings.Contains(err.Error(), west+" is behind "+east+" (synchronisation is paused)") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err = c.run("lag", "--wait-converged", "--timeout", "1s"); exitOf(t, err) != 3 || !strings.Contains(err.Error(), "(synchronisation is paused)") || strings.Contains(err.Error(), "link down") {
		t.Error(err)
	}
	_, err = us.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &key})
	ok(t, err)
	if what, _ := c.loses(t, east, key); what != keyview.LostVersions {
		t.Errorf("what is not said would cost %q", what)
	}

	c.do(t, "kill", east)
	if _, err := c.run("loss", "-o", "json"); exitOf(t, err) != 3 {
		t.Errorf("a Region is silent: %v", err)
	}
	decrypt(t, eu, blob, nil)
	_, err = eu.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &key, ReplicaRegion: aws.String(regions()[2])})
	if err == nil {
		t.Error("a replica made a replica")
	}
	c.do(t, "sync", "resume")
	c.do(t, "force-promote", key, "--region", west, "--accept-data-loss")
	rotation, err := eu.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: &key})
	ok(t, err)
	if rotation.KeyRotationEnabled {
		t.Error("the change that was to be lost is there")
	}
	if m := awaitState(t, eu, key, types.KeyStateEnabled); m.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypePrimary {
		t.Errorf("promoted by force: %+v", m.MultiRegionConfiguration)
	}
}

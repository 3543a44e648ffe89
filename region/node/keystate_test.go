package node_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/control"
	"meridian/region/node/nodetest"
)

// TestAKeyAsItWas: what a Region says about a key now is what a replay of its event log says later about this moment.
func TestAKeyAsItWas(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	ctx, east, west := t.Context(), c.Client("us-east-1/1"), c.Client("eu-west-1/1")
	asked := map[string]*control.Client{}
	for name := range c.Nodes {
		client, err := control.Connect(c.Dir.Node(name))
		if err != nil {
			t.Fatal(err)
		}
		asked[name] = client
	}
	create := func() *string {
		out, err := east.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: new(true), Description: new("it is old")})
		if err != nil {
			t.Fatal(err)
		}
		return out.KeyMetadata.KeyId
	}
	other, id := create(), create()
	said := map[string][]control.KeyState{}
	look := func() {
		for name, client := range asked {
			s, err := client.Key(ctx, *id, control.Point{})
			if err != nil {
				t.Fatal(err)
			}
			said[name] = append(said[name], s)
		}
	}
	enabled := func(client *kms.Client, id *string) bool {
		out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		return err == nil && out.KeyMetadata.KeyState == types.KeyStateEnabled
	}
	for _, step := range []func() error{
		func() error {
			_, err := east.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: new("alias/a"), TargetKeyId: other})
			return err
		},
		func() error {
			_, err := east.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: new("alias/a"), TargetKeyId: id})
			return err
		},
		func() error {
			_, err := east.TagResource(ctx, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: new("k"), TagValue: new("v")}}})
			return err
		},
		func() error {
			_, err := east.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: new("eu-west-1")})
			c.Eventually("the replica is there", func() bool { return enabled(west, id) })
			return err
		},
		func() error {
			_, err := west.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: id, Description: new("it is new")})
			return err
		},
		func() error {
			_, err := east.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id})
			return err
		},
		func() error {
			_, err := west.CreateGrant(ctx, &kms.CreateGrantInput{
				KeyId: id, GranteePrincipal: new("arn:aws:iam::000000000000:role/r"), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
			})
			return err
		},
		func() error {
			_, err := east.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: new("alias/a")})
			return err
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		look()
	}
	for name, then := range said {
		for _, want := range then {
			got, err := asked[name].Key(ctx, *id, control.Point{Seq: want.Seq})
			if err != nil {
				t.Fatal(err)
			}
			want.Head, got.Head = 0, 0
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s behind record %d:\n%+v %+v\nsaid then\n%+v %+v", name, want.Seq, got, got.Own, want, want.Own)
			}
		}
	}
	shown := said["us-east-1/1"][1] // after the alias was moved
	if !shown.Known || !reflect.DeepEqual(shown.Own.Aliases, []string{"alias/a"}) || shown.Own.Description != "it is old" {
		t.Errorf("%+v", shown.Own)
	}
	if first := said["eu-west-1/1"][0]; first.Known {
		t.Errorf("before it was replicated: %+v", first)
	}
	if _, err := asked["us-east-1/1"].Key(ctx, *id, control.Point{Seq: 1 << 40}); err == nil || !strings.Contains(err.Error(), "ends with record") {
		t.Errorf("a record that is not there yet: %v", err)
	}
}

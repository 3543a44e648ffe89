package node_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/region/audit"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// travelling is an identity file whose role may do in us-east-1 whatever it likes; what it may do in eu-west-1 its
// session decides: its tags and its source identity say so in the role's own policy, and AssumeRole adds policies.
const travelling = `
accounts:
- id: "111122223333"
  policies:
  - name: east-alone
    document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": us-east-1}}}]}
  users:
  - name: admin
    inlinePolicies: [{name: all, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["kms:*", "sts:*"], Resource: "*"}]}}]
    accessKeys: [{id: AKIAADMINEXAMPLE0001, secret: admins-secret}]
  roles:
  - name: envoy
    trustPolicy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}
    inlinePolicies:
    - name: all
      document:
        Version: "2012-10-17"
        Statement:
        - {Effect: Allow, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": us-east-1}}}
        - {Sid: Night, Effect: Allow, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": eu-west-1, "aws:PrincipalTag/shift": night}, IpAddress: {"aws:SourceIp": 127.0.0.0/8}}}
        - {Sid: Mallory, Effect: Deny, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:RequestedRegion": eu-west-1, "aws:SourceIdentity": mallory}}}
`

// session is what AssumeRole gives a session of the role.
type session struct{ shift, source, policy, managed string }

// may is a session that both Regions let through.
var may = session{shift: "night", source: "alice"}

// envoys is a cluster of two Regions, whose link can be cut, with callers that act in sessions.
type envoys struct {
	*nodetest.Cluster
	layers  map[string]*fault.Layer
	version uint64
}

func newEnvoys(t *testing.T) *envoys {
	t.Helper()
	e := &envoys{layers: map[string]*fault.Layer{}}
	file := filepath.Join(t.TempDir(), "identity.yaml")
	if err := os.WriteFile(file, []byte(travelling), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Cluster = nodetest.NewWith(t, func(config *node.Config) {
		e.layers[config.Node.Name], config.Identity = config.Faults, file
	}, 1, "us-east-1", "eu-west-1")
	e.Ready()
	e.Leveled()
	return e
}

func (e *envoys) cut(on bool) {
	e.T.Helper()
	e.version++
	table := fault.Table{Format: fault.Format, Version: e.version}
	if on {
		table.Rules = []fault.Rule{{Kind: fault.Partition, A: "us-east-1", B: "eu-west-1"}}
	}
	for name, layer := range e.layers {
		if err := layer.Set(table); err != nil {
			e.T.Fatal(name, err)
		}
	}
}

func (e *envoys) at(name string, p aws.CredentialsProvider) aws.Config {
	n, _ := e.File.Node(name)
	region, _, _ := strings.Cut(name, "/")
	return aws.Config{Region: region, BaseEndpoint: aws.String("http://" + n.KMS), Credentials: p, RetryMaxAttempts: 1}
}

func (e *envoys) admin(name string) *kms.Client {
	return kms.NewFromConfig(e.at(name, static("AKIAADMINEXAMPLE0001", "admins-secret", "")))
}

// in returns a client of us-east-1 that acts in a session.
func (e *envoys) in(s session) *kms.Client {
	home := sts.NewFromConfig(e.at(east, static("AKIAADMINEXAMPLE0001", "admins-secret", "")))
	role := stscreds.NewAssumeRoleProvider(home, "arn:aws:iam::111122223333:role/envoy", func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "tour"
		if s.shift != "" {
			o.Tags = []types.Tag{{Key: aws.String("shift"), Value: &s.shift}}
		}
		if s.source != "" {
			o.SourceIdentity = &s.source
		}
		if s.policy != "" {
			o.Policy = &s.policy
		}
		if s.managed != "" {
			o.PolicyARNs = []types.PolicyDescriptorType{{Arn: &s.managed}}
		}
	})
	return kms.NewFromConfig(e.at(east, aws.NewCredentialsCache(role)))
}

// member is what a Region says of a key; nothing if it has none.
func (e *envoys) member(name, id string) kmstypes.KeyMetadata {
	out, err := e.admin(name).DescribeKey(e.T.Context(), &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return kmstypes.KeyMetadata{}
	}
	return *out.KeyMetadata
}

func (e *envoys) primary() string {
	e.T.Helper()
	out, err := e.admin(east).CreateKey(e.T.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		e.T.Fatal(err)
	}
	return *out.KeyMetadata.KeyId
}

// replicated is a primary with an enabled replica that the primary knows of.
func (e *envoys) replicated() string {
	e.T.Helper()
	id := e.primary()
	if err := replicate(e.T, e.admin(east), id); err != nil {
		e.T.Fatal(err)
	}
	e.Eventually("the replica is Enabled", func() bool { return e.member(west, id).KeyState == kmstypes.KeyStateEnabled })
	e.Settled(east)
	return id
}

// lag is how far eu-west-1 is behind, as us-east-1 knows it.
func (e *envoys) lag() control.Lag {
	e.T.Helper()
	admin, err := control.Connect(e.Dir.Node(east))
	if err != nil {
		e.T.Fatal(err)
	}
	lags, err := admin.Lag(e.T.Context())
	if err != nil || len(lags) != 1 {
		e.T.Fatal(lags, err)
	}
	return lags[0]
}

func replicate(t testing.TB, c *kms.Client, id string) error {
	_, err := c.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &id, ReplicaRegion: aws.String("eu-west-1")})
	return err
}

func handOver(t testing.TB, c *kms.Client, id string) error {
	_, err := c.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &id, PrimaryRegion: aws.String("eu-west-1")})
	return err
}

// refusedAbroad are sessions that us-east-1 lets through and eu-west-1 does not, and what it says.
var refusedAbroad = []struct {
	name    string
	session session
	says    string
}{
	{"without the tag that eu-west-1 asks for", session{source: "alice"}, "because no identity-based policy allows"},
	{"with another tag", session{shift: "day"}, "because no identity-based policy allows"},
	{"of a source identity that eu-west-1 turns away", session{shift: "night", source: "mallory"}, "with an explicit deny in an identity-based policy"},
	{"with a policy that denies it there", session{shift: "night", policy: `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Deny","Action":["kms:CreateKey","kms:UpdatePrimaryRegion"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`}, "with an explicit deny in a session policy"},
	{"with a managed policy that allows us-east-1 alone", session{shift: "night", managed: "arn:aws:iam::111122223333:policy/east-alone"}, "because no session policy allows"},
}

// TestBothRegionsDecideAboutTheSameSession asks for replicas and hand-offs in sessions that eu-west-1 alone refuses or
// lets through for what only the session says.
func TestBothRegionsDecideAboutTheSameSession(t *testing.T) {
	e := newEnvoys(t)
	alone, whole := e.primary(), e.replicated()
	for _, tt := range refusedAbroad {
		denied(t, "ReplicateKey "+tt.name, replicate(t, e.in(tt.session), alone), "assumed-role/envoy/tour", "kms:CreateKey on resource: *", tt.says)
		denied(t, "UpdatePrimaryRegion "+tt.name, handOver(t, e.in(tt.session), whole), "kms:UpdatePrimaryRegion on resource: arn:aws:kms:eu-west-1:", tt.says)
	}
	if err := replicate(t, e.in(may), alone); err != nil {
		t.Errorf("ReplicateKey of who may: %v", err)
	}
	if err := handOver(t, e.in(may), whole); err != nil {
		t.Errorf("UpdatePrimaryRegion of who may: %v", err)
	}
	e.Eventually("what is allowed has happened", func() bool {
		return e.member(west, alone).KeyState == kmstypes.KeyStateEnabled && isPrimary(e.member(west, whole))
	})
}

func isPrimary(m kmstypes.KeyMetadata) bool {
	return m.KeyState == kmstypes.KeyStateEnabled && m.MultiRegionConfiguration.MultiRegionKeyType == kmstypes.MultiRegionKeyTypePrimary
}

// TestWhatIsDecidedOnArrival calls while the other Region cannot be asked: the caller hears of a beginning, and the
// other Region decides when it hears of it. A no takes it back, and is recorded there as the call's outcome.
func TestWhatIsDecidedOnArrival(t *testing.T) {
	e := newEnvoys(t)
	refused := refusedAbroad[3]
	replica, noReplica, moves, stays := e.primary(), e.primary(), e.replicated(), e.replicated()
	e.cut(true)
	e.Eventually("us-east-1 hears nothing", func() bool { return !e.lag().LinkUp })
	for _, err := range []error{
		replicate(t, e.in(may), replica), replicate(t, e.in(refused.session), noReplica),
		handOver(t, e.in(may), moves), handOver(t, e.in(refused.session), stays),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{moves, stays} {
		if m := e.member(east, id); m.KeyState != kmstypes.KeyStateUpdating || m.MultiRegionConfiguration.MultiRegionKeyType != kmstypes.MultiRegionKeyTypePrimary {
			t.Errorf("while nobody has consented the primary is %s %s", m.KeyState, m.MultiRegionConfiguration.MultiRegionKeyType)
		}
	}
	e.cut(false)
	e.Eventually("what is allowed has happened", func() bool {
		return e.member(west, replica).KeyState == kmstypes.KeyStateEnabled && isPrimary(e.member(west, moves))
	})
	e.Eventually("what is refused was taken back", func() bool {
		here := e.member(east, noReplica)
		return isPrimary(e.member(east, stays)) && len(here.MultiRegionConfiguration.ReplicaKeys) == 0
	})
	if m := e.member(west, stays); m.KeyState != kmstypes.KeyStateEnabled || isPrimary(m) {
		t.Errorf("the replica that may not become primary: %+v", m)
	}
	if m := e.member(west, noReplica); m.KeyState != "" {
		t.Errorf("a replica that may not be: %+v", m)
	}
	e.recorded(t, map[string]string{
		"CreateKey " + noReplica: "AccessDeniedException", "UpdatePrimaryRegion " + stays: "AccessDeniedException",
		"CreateKey " + replica: "", "UpdatePrimaryRegion " + moves: "",
	})
}

// recorded waits until eu-west-1 has recorded calls, by operation and key, with their error codes.
func (e *envoys) recorded(t *testing.T, want map[string]string) {
	t.Helper()
	r := audit.NewReader(e.Dir.Node(west).Audit())
	defer r.Close()
	var odd []string
	e.Eventually("eu-west-1 has recorded its side", func() bool {
		if err := r.Read(func(record *audit.Record) error {
			ev := &record.Event
			for name, code := range want {
				operation, id, _ := strings.Cut(name, " ")
				if ev.Name != operation || !strings.Contains(string(record.Line), id) {
					continue
				}
				if ev.ErrorCode != code || code != "" && !strings.Contains(ev.ErrorText, "assumed-role/envoy/tour") {
					odd = append(odd, string(record.Line))
				}
				delete(want, name)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return len(want) == 0
	})
	if len(odd) > 0 {
		t.Errorf("recorded otherwise:\n%s", strings.Join(slices.Compact(odd), ""))
	}
}

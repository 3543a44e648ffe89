package observability_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"meridian/cluster/observability"
	"meridian/keyengine/kmsapi"
	"meridian/region/node/nodetest"
)

var update = flag.Bool("update", false, "write METRICS.md anew")

const reference = "METRICS.md"

// head is METRICS.md before its table.
const head = `# Metrics

What each node serves at ` + "`/metrics`" + ` of its port, and the front door (` + "`meridian_front_…`" + `) at ` + "`/metrics`" + ` of each of its ports. All that a
node serves has the labels ` + "`region` and `node`" + ` beside those named here. Those with the label ` + "`to`" + ` come from the Region's leader alone.
Both serve what Prometheus's client for Go says about every process, too: ` + "`go_…` and `process_…`" + `.

This table is written by ` + "`go test ./cluster/observability -run TestReference -update`" + `, from what a node serves.

| metric | type | labels | what |
|---|---|---|---|
`

// TestReference holds METRICS.md to what nodes and a front door serve.
func TestReference(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1", "eu-west-1")
	c.Ready()
	client := c.Client("us-east-1/1")
	if _, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Fatal(err)
	}
	c.Nodes["us-east-1/1"].Metrics().CalledSTS("AssumeRole", "")
	var served map[string]*dto.MetricFamily
	c.Eventually("a leader shows how far another Region is behind", func() bool {
		served = scrape(t, "http://"+c.File.Regions[0].Nodes[0].KMS+"/metrics")
		return served["meridian_replication_link_up"] != nil && served["meridian_node_staleness_seconds"] != nil
	})
	front := observability.NewFront("v1")
	front.Answered("us-east-1", 200, time.Millisecond)
	front.Attempted("us-east-1/1", observability.Answered)
	front.Ready("us-east-1/1", true)
	door := httptest.NewServer(front.Handler())
	defer door.Close()
	for name, family := range scrape(t, door.URL) {
		if served[name] == nil {
			served[name] = family
		}
	}
	got := head + table(served)
	if *update {
		if err := os.WriteFile(reference, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(reference)
	if err != nil || string(want) != got {
		t.Errorf("%s (%v) is not what is served; -update writes:\n%s", reference, err, got)
	}
}

// TestConventions holds the names to Prometheus's conventions.
func TestConventions(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `meridian_") || len(cells) < 6 {
			continue
		}
		n++
		name, kind, help := strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[4])
		if (kind == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s: counters, and nothing else, end in _total", name, kind)
		}
		for _, unit := range []string{"millis", "_ms", "minutes", "kilobytes", "mebibytes", "percent"} {
			if strings.Contains(name, unit) {
				t.Errorf("%s: base units alone", name)
			}
		}
		if !strings.HasSuffix(help, ".") {
			t.Errorf("%s: its help is no sentence: %q", name, help)
		}
	}
	if n < 50 {
		t.Errorf("%d metrics in %s", n, reference)
	}
}

// TestLabelsTellNothing looks for what must not be in any label, after calls that hold it.
func TestLabelsTellNothing(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1")
	c.Ready()
	client := c.Client("us-east-1/1")
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("words-of-a-description")})
	if err != nil {
		t.Fatal(err)
	}
	key := aws.ToString(made.KeyMetadata.KeyId)
	if _, err := client.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/name-of-an-alias"), TargetKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	sealed, err := client.Encrypt(t.Context(), &kms.EncryptInput{
		KeyId: &key, Plaintext: []byte("words-of-a-plaintext"), EncryptionContext: map[string]string{"context-name": "context-value"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}) // without its context: refused
	_, _ = client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/nothing-of-this-name")})
	kmsAddr := "http://" + c.File.Regions[0].Nodes[0].KMS
	for i := range 300 { // operations that nobody knows, of as many names
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, kmsAddr, strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", fmt.Sprintf("TrentService.Unheard%d", i))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		c.Nodes["us-east-1/1"].Metrics().CalledSTS(fmt.Sprintf("Unheard%d", i), fmt.Sprintf("Code%d", i))
	}
	text := get(t, kmsAddr+"/metrics")
	for what, secret := range map[string]string{
		"a key id": key, "a material id": aws.ToString(made.KeyMetadata.CurrentKeyMaterialId), "an account": "000000000000",
		"an alias": "alias", "a description": "words-of", "a context": "context-", "an ARN": "arn:", "an access key": `"test"`, "what a caller made up": "Unheard",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the metrics", what)
		}
	}
	for _, expected := range []string{`operation="Encrypt"`, `code="InvalidCiphertextException"`, `operation="other"`, `code="other"`} {
		if !strings.Contains(text, expected) {
			t.Errorf("%s is not in the metrics: nothing was counted", expected)
		}
	}
	if n := strings.Count(text, "meridian_sts_calls_total{"); n > 120 {
		t.Errorf("%d series of codes: they are not bounded", n)
	}
	if _, known := kmsapi.Lookup("Encrypt"); !known {
		t.Error("the model has lost an operation")
	}
}

func get(t testing.TB, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(text)
}

func scrape(t testing.TB, url string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(get(t, url)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// table is the metrics of this program as rows.
func table(served map[string]*dto.MetricFamily) string {
	var rows []string
	for name, family := range served {
		if !strings.HasPrefix(name, "meridian_") {
			continue
		}
		var labels []string
		for _, m := range family.Metric {
			for _, l := range m.Label {
				always := !strings.HasPrefix(name, "meridian_front_") && (l.GetName() == "region" || l.GetName() == "node")
				if !always && !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()), strings.Join(labels, ", "), family.GetHelp()))
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}

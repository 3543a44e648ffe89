package observability_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/region/node/nodetest"
	"meridian/region/trace"
)

// BenchmarkObserved encrypts 32 bytes at a node, and reports what counting the call and a tracer that is off take of the
// time in which the node answers it, by the node's own metrics.
func BenchmarkObserved(b *testing.B) {
	c := nodetest.New(b, 1, "us-east-1")
	c.Ready()
	made, err := c.Client("us-east-1/1").CreateKey(b.Context(), &kms.CreateKeyInput{})
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Appendf(nil, `{"KeyId":%q,"Plaintext":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="}`, aws.ToString(made.KeyMetadata.KeyId))
	url := "http://" + c.File.Regions[0].Nodes[0].KMS + "/"
	signed, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	signed.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	signed.Header.Set("Content-Type", "application/x-amz-json-1.1")
	hash := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	if err := v4.NewSigner().SignHTTP(b.Context(), who, signed, hex.EncodeToString(hash[:]), "kms", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	m := c.Nodes["us-east-1/1"].Metrics()
	var none *trace.Tracer
	const repeats = 50 // one is shorter than what a clock tells
	var observing time.Duration
	observed := 0
	for b.Loop() {
		r := signed.Clone(b.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status)
		}
		began := time.Now()
		for range repeats {
			untraced(none, signed.Header)
			m.Called("DescribeKey", "", time.Millisecond, false) // not Encrypt: its times are read below
		}
		observing += time.Since(began)
		observed += repeats
	}
	answering := scrape(b, url+"metrics")["meridian_call_duration_seconds"]
	for _, series := range answering.Metric {
		h := series.GetHistogram()
		for _, l := range series.Label {
			if l.GetValue() != "Encrypt" {
				continue
			}
			call := h.GetSampleSum() / float64(h.GetSampleCount()) * 1e9
			own := float64(observing.Nanoseconds()) / float64(observed)
			b.ReportMetric(call, "ns/encrypt")
			b.ReportMetric(own, "ns/observed")
			b.ReportMetric(100*own/call, "%observed")
		}
	}
}

// untraced is what a call that is not traced does about it.
func untraced(t *trace.Tracer, h http.Header) {
	ctx, root := t.Arrive(context.Background(), "node Encrypt", h)
	_, span := trace.Start(ctx, "decide")
	span.Text("meridian.operation", "Encrypt")
	span.End(nil)
	root.End(nil)
}

package e2e

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// usual is a client as an application makes it: the SDK's own retries, three attempts.
func (c *cluster) usual(region string) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String("http://" + c.endpoint(region)),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// TestRollingRestart restarts a whole cluster node by node under load: nobody who uses the SDK as it comes sees a failure.
func TestRollingRestart(t *testing.T) {
	c := breakable(t)
	key := createKey(t, c.client(east), true)
	blob := encrypt(t, c.client(east), key, "all the while", nil)
	for _, to := range []string{west, south} {
		c.replicate(t, key, east, to)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	var calls, pause atomic.Int64
	load := func(region string, call func(*kms.Client) error) {
		running.Go(func() {
			client := c.usual(region)
			for open(stop) {
				begun := time.Now()
				if err := call(client); err != nil {
					t.Errorf("%s: a call failed in spite of the SDK's retries: %v", region, err)
					return
				}
				calls.Add(1)
				took := int64(time.Since(begun))
				for was := pause.Load(); took > was && !pause.CompareAndSwap(was, took); was = pause.Load() {
				}
			}
		})
	}
	for _, region := range regions() {
		load(region, func(client *kms.Client) error {
			_, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
			return err
		})
		load(region, func(client *kms.Client) error {
			_, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
			return err
		})
	}
	halt := sync.OnceFunc(func() { close(stop); running.Wait() })
	t.Cleanup(halt)
	was := c.status(t)
	begun := time.Now()
	c.do(t, "restart", "--rolling")
	took := time.Since(begun)
	halt()
	for i, r := range c.status(t) {
		for j, n := range r.Nodes {
			if n.PID == was[i].Nodes[j].PID {
				t.Errorf("node %s was not restarted", n.Name)
			}
		}
	}
	t.Logf("%d calls in %s, none failed; the slowest took %s", calls.Load(), took.Round(time.Millisecond), time.Duration(pause.Load()).Round(time.Millisecond))
	c.verify(t)
}

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// prepare makes a key in every slot, and waits until those for the decrypt loops are everywhere.
func (r *run) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	c, regions := r.door.newClient("maker", "", r.ring), r.c.File.Names()
	n := 0
	fill := func(s *slot, class Class, region string) error {
		n++
		s.occupy(c.make(ctx, class, region, "made first "+strconv.Itoa(n)))
		if s.key == "" {
			return fmt.Errorf("no %s key could be made in %s", class, region)
		}
		return nil
	}
	for _, region := range regions {
		for _, class := range []Class{Local, Doomed} {
			for _, s := range r.ring.regions[region][class] {
				if err := fill(s, class, region); err != nil {
					return err
				}
			}
		}
	}
	for _, class := range []Class{Mobile, Churn} {
		for i, s := range r.ring.shared[class] {
			if err := fill(s, class, regions[i%len(regions)]); err != nil {
				return err
			}
		}
	}
	for _, s := range r.ring.shared[Mobile][:steadyKeys] {
		if err := r.steady(ctx, c, s); err != nil {
			return err
		}
	}
	return nil
}

// steady makes ciphertexts of a key and waits until every Region decrypts them.
func (r *run) steady(ctx context.Context, c *client, s *slot) error {
	for _, region := range r.c.File.Names() {
		for {
			out, err := c.in[region].Encrypt(ctx, &kms.EncryptInput{KeyId: &s.key, Plaintext: []byte("from " + region)})
			if err == nil {
				r.blobs = append(r.blobs, out.CiphertextBlob)
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("key %s is not in %s: %w", s.key, region, err)
			}
			sleep(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

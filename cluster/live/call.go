package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"meridian/cluster/world"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// The access key of the account of zeros; other accounts have their number for one.
const (
	rootKey    = "test"
	secret     = "test"
	noAccount  = "000000000000"
	jsonFormat = "application/x-amz-json-1.1"
)

// Call implements world.World: over HTTP, signed, through the front door or at a node's own port.
func (w *World) Call(ctx context.Context, c world.Call) (world.Answer, error) {
	addr := w.file.Addr(w.file.Port)
	if c.Node != "" {
		n, ok := w.file.Node(c.Node)
		if !ok {
			return world.Answer{}, fmt.Errorf("there is no node %q", c.Node)
		}
		addr = n.KMS
	}
	r, err := request(ctx, addr, c)
	if err != nil {
		return world.Answer{}, err
	}
	resp, err := w.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return world.Answer{}, ctx.Err()
		}
		return world.Answer{Code: world.Unavailable, Text: err.Error()}, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return world.Answer{Code: world.Unavailable, Text: err.Error()}, ctx.Err()
	}
	if resp.StatusCode == http.StatusOK {
		return world.Answer{Output: body}, nil
	}
	var fault struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &fault) != nil || fault.Type == "" {
		return world.Answer{Code: world.Unavailable, Text: resp.Status}, nil
	}
	return world.Answer{Code: fault.Type, Text: fault.Message}, nil
}

// request makes the signed request of a call.
func request(ctx context.Context, addr string, c world.Call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", bytes.NewReader(c.Input))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", jsonFormat)
	r.Header.Set("X-Amz-Target", "TrentService."+c.Operation)
	if c.Invocation != "" {
		r.Header.Set("Amz-Sdk-Invocation-Id", c.Invocation)
	}
	if c.Consistency != "" {
		r.Header.Set("X-Meridian-Consistency", c.Consistency)
	}
	access := c.Account
	if access == "" || access == noAccount {
		access = rootKey
	}
	sum := sha256.Sum256(c.Input)
	err = v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, r, hex.EncodeToString(sum[:]), "kms", c.Region, time.Now())
	return r, err
}

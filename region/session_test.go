package region_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/keyengine/kmsapi"
	"meridian/region"
)

// TestSessionsWait: a node that has not reached a caller's session waits two seconds for it, has the leader answer then,
// and where there is none refuses so that the caller tries again: never an answer older than the session.
func TestSessionsWait(t *testing.T) {
	for _, c := range []struct {
		what    string
		level   string
		happens func(*world) // beside the call
		took    time.Duration
		code    string
	}{
		{what: "it gets there", level: "eventual", happens: func(w *world) { time.Sleep(time.Second); w.group.Release(2) }, took: time.Second},
		{what: "the leader answers", level: "eventual", took: 2 * time.Second},
		{what: "at the level session", level: "session", took: 2 * time.Second},
		{what: "at the level bounded", level: "bounded=60000", took: 2 * time.Second},
		{what: "nobody leads", level: "session", happens: func(w *world) { w.group.Depose() }, took: 5 * time.Second, code: kmsapi.KMSInternalException},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.lead(0)
				w.group.Hold(2)
				var created kmsapi.CreateKeyResponse
				w.do(0, "CreateKey", `{}`, &created)
				if c.happens != nil {
					go c.happens(w)
				}
				begun := time.Now()
				call, err := w.inSession(2, c.level, fmt.Sprintf("%s.1.1", place.Region), input("KeyId", *created.KeyMetadata.KeyId))
				took := time.Since(begun)
				if c.code == "" && err != nil || c.code != "" && code(err) != c.code || took < c.took || took > c.took+time.Second/2 {
					t.Errorf("after %v, not %v: %v", took, c.took, err)
				}
				if err != nil {
					var f *kmsapi.Fault
					if !errors.As(err, &f) || f.StatusCode() < http.StatusInternalServerError || !strings.Contains(f.Message, "try again") {
						t.Errorf("a refusal that no client tries again: %v", err)
					}
					return
				}
				s, err := region.ParseSession(call.Reply[region.HeaderSession])
				if err != nil || s.Seq < 1 {
					t.Errorf("the answer is of session %q, %v", call.Reply[region.HeaderSession], err)
				}
			})
		})
	}
}

// inSession describes a key at node i, for a caller who sends a session token back.
func (w *world) inSession(i int, level, session, body string) (*kmsapi.Call, error) {
	call := &kmsapi.Call{
		RequestID: "in-session", Consistency: level, Session: session,
		Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
		Raw:    kmsapi.Raw{Header: map[string][]string{"X-Operation": {"DescribeKey"}}, Body: []byte(body)},
	}
	_, err := w.dispatch(w.t.Context(), i, "DescribeKey", call)
	return call, err
}

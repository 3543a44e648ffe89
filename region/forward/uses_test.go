package forward

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"meridian/keyengine"
)

// use is a use whose texts are as long as they get.
func use() keyengine.Use {
	return keyengine.Use{
		Account: "111122223333", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab", Operation: "GenerateDataKeyPairWithoutPlaintext",
		At: 1767225600000, RequestID: strings.Repeat("r", 64),
	}
}

func TestUsesReachTheLeader(t *testing.T) {
	a, leads, follows := listen(t, here), listen(t, here), listen(t, here)
	leader := peer{leads: true, uses: make(chan keyengine.Use, keyengine.MaxUses)}
	serve(t, leads, Handler(http.NotFoundHandler(), leader))
	serve(t, follows, Handler(http.NotFoundHandler(), peer{}))
	client := NewClient(a)
	defer client.Close()

	full := make([]keyengine.Use, keyengine.MaxUses)
	for i := range full {
		full[i] = use()
	}
	if err := client.ReportUses(t.Context(), leads.Addr().String(), full); err != nil || len(leader.uses) != len(full) || <-leader.uses != use() {
		t.Errorf("a full report: %v, %d arrived", err, len(leader.uses))
	}
	if err := client.ReportUses(t.Context(), follows.Addr().String(), full); err == nil || !strings.Contains(err.Error(), "not the leader") {
		t.Errorf("to a follower: %v", err)
	}
	if err := client.ReportUses(t.Context(), leads.Addr().String(), append(full, use())); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("one too many: %v", err)
	}
	long := use()
	long.RequestID = strings.Repeat("r", maxUsesBytes)
	if err := client.ReportUses(t.Context(), leads.Addr().String(), []keyengine.Use{long}); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("too long: %v", err)
	}
}

func FuzzReadUses(f *testing.F) {
	f.Add(writeUses(nil))
	f.Add(writeUses([]keyengine.Use{use()}))
	f.Add([]byte("\x9f\xa5\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		uses, err := readUses(b)
		if err == nil && (len(uses) > keyengine.MaxUses || !bytes.Equal(writeUses(uses), b)) {
			t.Errorf("%d uses, not the bytes read", len(uses))
		}
	})
}

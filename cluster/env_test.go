package cluster

import (
	"os"
	"strings"
	"testing"

	"meridian/cluster/layout"
)

// TestWhoCallsAsTestIsTold: where the identity file turns the access key test off, what calls with it refuses to begin.
func TestWhoCallsAsTestIsTold(t *testing.T) {
	c := &Cluster{Dir: layout.Dir(t.TempDir())}
	for text, want := range map[string]string{
		"":                                     "",
		"accounts: []\n":                       "",
		"developmentKeys: false\naccounts: []": "chaos calls with the access key test, which the identity file in force turns off",
		"accounts: 7":                          "identity.yaml",
	} {
		if text != "" {
			if err := os.WriteFile(c.Dir.IdentityFile(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := c.NeedDevelopmentKeys("chaos")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		os.Remove(c.Dir.IdentityFile())
	}
}

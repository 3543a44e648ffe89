package node_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"meridian/cluster/control"
	"meridian/cluster/layout"
	"meridian/region/node/nodetest"
)

// ask returns the status and the JSON of a node's answer.
func ask(t *testing.T, url string) (int, map[string]any) {
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
	if err != nil {
		t.Fatal(err)
	}
	var says map[string]any
	if err := json.Unmarshal(text, &says); err != nil {
		t.Fatalf("%s: %s %q", url, answer.Status, text)
	}
	return answer.StatusCode, says
}

// TestHealthReadyInfo asks a node of a whole Region, and one whose Region has no majority.
func TestHealthReadyInfo(t *testing.T) {
	c := nodetest.New(t, 2, "us-east-1")
	c.Ready()
	const name = "us-east-1/1"
	n, _ := c.File.Node(name)
	base := "http://" + n.KMS + "/_meridian/"
	if status, says := ask(t, base+"ready"); status != http.StatusOK || says["ready"] != true || says["why"] != nil {
		t.Errorf("a node that is ready: %d, %v", status, says)
	}
	if _, says := ask(t, base+"info"); says["name"] != name || says["region"] != "us-east-1" || len(says["digest"].(string)) != 64 {
		t.Errorf("info: %v", says)
	}
	c.Stop("us-east-1/2")
	c.Stop(name)
	c.Start(name) // alone, it finds no leader
	if status, says := ask(t, base+"health"); status != http.StatusOK || says["status"] != "alive" {
		t.Errorf("a process that lives: %d, %v", status, says)
	}
	status, says := ask(t, base+"ready")
	why, _ := says["why"].(string)
	if status != http.StatusServiceUnavailable || says["ready"] != false || !strings.Contains(why, "has not caught up") {
		t.Errorf("a node without a majority: %d, %v", status, says)
	}
}

// TestProfilesNeedTheToken asks the admin socket with and without it.
func TestProfilesNeedTheToken(t *testing.T) {
	c := nodetest.New(t, 1, "us-east-1")
	client, err := control.Connect(c.Dir.Node("us-east-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"heap", "goroutine", "mutex"} {
		var out bytes.Buffer
		if err := client.Profile(t.Context(), what, 1, &out); err != nil || !bytes.HasPrefix(out.Bytes(), []byte{0x1f, 0x8b}) {
			t.Errorf("%s: %d bytes, %v; want what gzip makes", what, out.Len(), err)
		}
	}
	admin, err := layout.ReadAdmin(c.Dir.Node("us-east-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, "http://"+admin.Addr+"/debug/pprof/heap"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
}

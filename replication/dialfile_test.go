package replication_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"meridian/replication"
)

// dialFiles are dials as they stand in files, and what is wrong with them; empty: nothing.
var dialFiles = map[string]string{
	`{"format":1,"version":7,"lag":{"name":"x","seed":3,"classes":{"status":{"shape":"constant","valuesNanos":[5]}}},"paused":["us-east-1"]}`: "",
	`{"format":1}`:               "",
	`{"format":2}`:               "it has format 2, this program knows up to 1",
	`{}`:                         "it has no format",
	`not json`:                   "dials: invalid character",
	``:                           "dials: unexpected end",
	`{"format":1,"version":-1}`:  "cannot unmarshal",
	`{"format":1,"paused":[""]}`: "are not names of Regions",
	`{"format":1,"lag":{"classes":{"speed":{}}}}`:                                       `no class "speed"`,
	`{"format":1,"lag":{"classes":{"status":{"shape":"constant","valuesNanos":[-5]}}}}`: "not between 0s",
	`{"format":1,"lag":{"links":[{"from":"","to":"b"}]}}`:                               "lacks from or to",
}

func TestDialsInFiles(t *testing.T) {
	for text, wrong := range dialFiles {
		path := filepath.Join(t.TempDir(), "dials.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := replication.LoadDials(path)
		switch {
		case wrong == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), path)):
			t.Errorf("%s: %v, want %q and the file's name", text, err, wrong)
		}
	}
	if d, err := replication.LoadDials(filepath.Join(t.TempDir(), "none.json")); err != nil || d.Format != replication.DialFormat || len(d.Paused) > 0 {
		t.Errorf("without a file: %+v, %v", d, err)
	}
	path := filepath.Join(t.TempDir(), "dials.json")
	if err := os.WriteFile(path, []byte(`{"format":1,"paused":[`+strings.Repeat(`"r",`, 1<<19)+`"r"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replication.LoadDials(path); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("a file without end: %v", err)
	}
}

// FuzzParseDials: what is taken is in order, and means the same when it is written and read again.
func FuzzParseDials(f *testing.F) {
	for text := range dialFiles {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := replication.ParseDials(b)
		if err != nil {
			if !reflect.DeepEqual(d, replication.Dials{}) {
				t.Fatalf("refused, and %+v all the same", d)
			}
			return
		}
		if err := d.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := replication.ParseDials(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second, _ := json.Marshal(again); string(second) != string(text) {
			t.Fatalf("%s was read as %s", text, second)
		}
	})
}

package check

import (
	"fmt"
	"reflect"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// Decrypts judges whether what a key encrypted decrypts to the same wherever the call succeeds, and is recognised
// wherever it does not.
func Decrypts(h *history.History) Verdict {
	v := Verdict{Judge: "decrypts"}
	made := map[string]*history.Entry{} // by the ciphertext's hash
	plain := map[string]string{}
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Outcome != history.OK || e.Answer.Blob == "" {
			continue
		}
		made[e.Answer.Blob] = e
		switch e.Operation {
		case "Encrypt":
			plain[e.Answer.Blob] = e.Ask.Plain
		case "GenerateDataKey":
			plain[e.Answer.Blob] = e.Answer.Plain
		}
	}
	for i := range h.Entries {
		e := &h.Entries[i]
		origin := made[e.Ask.Blob]
		if e.Operation != "Decrypt" || origin == nil || e.Ask.DryRun {
			continue
		}
		v.Checked++
		want, known := plain[e.Ask.Blob]
		switch {
		case v.Violation != "":
		case e.Outcome == history.OK && known && e.Answer.Plain != want:
			v.Violation = "a ciphertext decrypted to something else than was encrypted"
			v.Example = []history.Entry{*origin, *e}
		case e.Code == kmsapi.InvalidCiphertextException:
			v.Violation = "a ciphertext that a key made was not recognised"
			v.Example = []history.Entry{*origin, *e}
		}
	}
	return v
}

// shared is what all members of a multi-Region key must say alike.
type shared struct {
	Primary  string
	Replicas []string
	Material string
}

// Converged judges the answers after the mark quiet: what members share is the same in all Regions, and nothing is
// still under way. Without the mark it has nothing to judge.
func Converged(h *history.History) Verdict {
	v := Verdict{Judge: "converged"}
	from := int64(-1)
	for _, m := range h.Marks {
		if m.Text == history.Quiet {
			from = m.At
		}
	}
	if from < 0 {
		v.Notes = []string{"the history has no mark " + history.Quiet}
		return v
	}
	said := map[string]*history.Entry{}
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Start < from || e.Operation != "DescribeKey" || e.Outcome != history.OK || !e.Answer.MultiRegion {
			continue
		}
		v.Checked++
		other := said[e.Answer.Key]
		if other == nil {
			other = e
			said[e.Answer.Key] = e
		}
		if v.Violation != "" {
			continue
		}
		switch {
		case e.Answer.State == string(kmsapi.KeyStateCreating) || e.Answer.State == string(kmsapi.KeyStateUpdating):
			v.Violation = fmt.Sprintf("key %s is still %s in %s", e.Answer.Key, e.Answer.State, e.Region)
			v.Example = []history.Entry{*e}
		case !reflect.DeepEqual(sharedOf(e), sharedOf(other)):
			v.Violation = fmt.Sprintf("%s and %s say different things of key %s", other.Region, e.Region, e.Answer.Key)
			v.Example = []history.Entry{*other, *e}
		}
	}
	return v
}

func sharedOf(e *history.Entry) shared {
	return shared{e.Answer.Primary, e.Answer.Replicas, e.Answer.Material}
}

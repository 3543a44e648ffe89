package region_test

import (
	"fmt"
	"testing"

	"meridian/keyengine/kmsapi"
	"meridian/region"
)

// TestFlapping: with one node of three behind, reads show a new key and show it not, in an order that the seed repeats.
func TestFlapping(t *testing.T) {
	order := func(level string) (shown string) {
		w := newWorld(t)
		w.lead(0)
		w.group.Hold(2)
		var created kmsapi.CreateKeyResponse
		w.do(0, "CreateKey", `{}`, &created)
		body := fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId)
		w.do(1, "DescribeKey", body, nil) // node 2 has caught up
		for range 40 {
			_, _, err := w.callAt(0, "DescribeKey", level, body)
			switch {
			case err == nil:
				shown += "+"
			case code(err) == kmsapi.NotFoundException:
				shown += "-"
			default:
				t.Fatal(err)
			}
		}
		w.nodes[0].SetNeighbours(region.Neighbours{Voters: 3}) // nobody else is there to be asked
		for range 10 {
			if _, _, err := w.callAt(0, "DescribeKey", level, body); err != nil {
				t.Fatalf("without neighbours: %v", err)
			}
		}
		w.nodes[0].SetNeighbours(region.Neighbours{Voters: 3, Others: w.nodes[0].OtherNodes, OtherVoters: w.nodes[0].OtherNodes})
		w.down.Store(true) // then this node answers alone, and it has the key
		for range 10 {
			if _, _, err := w.callAt(0, "DescribeKey", level, body); err != nil {
				t.Fatalf("on its own: %v", err)
			}
		}
		w.down.Store(false)
		return shown
	}
	a, again, other := order("flapping=7"), order("flapping=7"), order("flapping=8")
	if a != again {
		t.Errorf("the same seed gave\n%s and\n%s", a, again)
	}
	if a == other {
		t.Errorf("another seed gave %s, too", a)
	}
	for _, s := range []string{a, other} {
		behind := 0
		for _, c := range s {
			if c == '-' {
				behind++
			}
		}
		if behind < 5 || behind > 25 {
			t.Errorf("of 40 reads %d came from the node that is behind: %s", behind, s)
		}
	}
}

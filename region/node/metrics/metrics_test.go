package metrics_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"meridian/region"
	"meridian/region/node/metrics"
)

func newNode() *metrics.Node {
	return metrics.New(metrics.Identity{Region: "us-east-1", Node: "us-east-1/1", Version: "v1"})
}

// TestCountingCallsCostsNoMemory holds the hot path to no allocation: every call goes through it.
func TestCountingCallsCostsNoMemory(t *testing.T) {
	n := newNode()
	n.Called("Encrypt", "", time.Millisecond, false) // makes the series
	n.Called("Encrypt", "NotFoundException", time.Millisecond, true)
	allocated := testing.AllocsPerRun(200, func() {
		n.Called("Encrypt", "", time.Millisecond, false)
		n.Called("Encrypt", "NotFoundException", time.Millisecond, true)
	})
	if allocated != 0 {
		t.Errorf("%v allocations for two calls", allocated)
	}
}

// TestCalls counts what came from clients apart from what other nodes sent on.
func TestCalls(t *testing.T) {
	n := newNode()
	n.Called("Encrypt", "", 3*time.Millisecond, false)
	n.Called("Encrypt", "DisabledException", time.Millisecond, false)
	n.Called("CreateKey", "", time.Second, true)
	n.Called("Unheard", "UnknownOperationException", time.Millisecond, false)
	want := `
# HELP meridian_calls_total Calls of the API that this node answered, by operation, by code of the fault (OK: none) and by who sent them: a client, or a node that sent one on.
# TYPE meridian_calls_total counter
meridian_calls_total{code="DisabledException",from="client",node="us-east-1/1",operation="Encrypt",region="us-east-1"} 1
meridian_calls_total{code="OK",from="client",node="us-east-1/1",operation="Encrypt",region="us-east-1"} 1
meridian_calls_total{code="OK",from="node",node="us-east-1/1",operation="CreateKey",region="us-east-1"} 1
meridian_calls_total{code="UnknownOperationException",from="client",node="us-east-1/1",operation="other",region="us-east-1"} 1
`
	if err := testutil.GatherAndCompare(n.Registry(), strings.NewReader(want), "meridian_calls_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(n.Registry(), "meridian_call_duration_seconds"); n != 2 || err != nil {
		t.Errorf("times of %d operations, %v: those of Encrypt and of what does not exist are clients'", n, err)
	}
}

// TestSeriesAreBounded counts more codes and operations than there can be.
func TestSeriesAreBounded(t *testing.T) {
	n := newNode()
	for i := range 500 {
		n.Called(fmt.Sprintf("Operation%d", i), fmt.Sprintf("Code%d", i), time.Millisecond, false)
		n.CalledSTS(fmt.Sprintf("Operation%d", i), fmt.Sprintf("Code%d", i))
	}
	for _, name := range []string{"meridian_calls_total", "meridian_sts_calls_total"} {
		if n, err := testutil.GatherAndCount(n.Registry(), name); n != 101 || err != nil {
			t.Errorf("%s has %d series, %v; want a hundred codes and other", name, n, err)
		}
	}
}

// TestRounds tells what became of the proposer's commands.
func TestRounds(t *testing.T) {
	n := newNode()
	n.Decided(region.Round{Commands: 5, Appended: 3, Took: time.Millisecond})
	n.Decided(region.Round{Commands: 2, Appended: 2, Took: time.Second, Err: errors.New("not the leader")})
	n.Wrote(4, time.Millisecond)
	want := `
# HELP meridian_proposer_commands_total Commands that the leader's proposer took, by outcome: logged, answered (refused, or a repeat), failed (the log did not take the record, or it is not known).
# TYPE meridian_proposer_commands_total counter
meridian_proposer_commands_total{node="us-east-1/1",outcome="answered",region="us-east-1"} 2
meridian_proposer_commands_total{node="us-east-1/1",outcome="failed",region="us-east-1"} 2
meridian_proposer_commands_total{node="us-east-1/1",outcome="logged",region="us-east-1"} 3
# HELP meridian_raft_log_written_entries_total Entries written to this node's Raft log.
# TYPE meridian_raft_log_written_entries_total counter
meridian_raft_log_written_entries_total{node="us-east-1/1",region="us-east-1"} 4
`
	if err := testutil.GatherAndCompare(n.Registry(), strings.NewReader(want), "meridian_proposer_commands_total", "meridian_raft_log_written_entries_total"); err != nil {
		t.Error(err)
	}
}

// BenchmarkCalled is what each call pays.
func BenchmarkCalled(b *testing.B) {
	n := newNode()
	for b.Loop() {
		n.Called("Encrypt", "", time.Millisecond, false)
	}
}

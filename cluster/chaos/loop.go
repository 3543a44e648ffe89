package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/check"
	"meridian/cluster/history"
)

// loopPause is between two calls of a decrypt loop.
const loopPause = 100 * time.Millisecond

// recovery is how long after the end of a fault that took its majority a Region may still be without an answer.
const recovery = 5 * time.Second

// A Loop is a client in one Region that decrypts, all the while, what keys made that were in every Region before the first
// fault. It has the SDK's own retries, as an application has.
type Loop struct {
	Region   string        `json:"region"`
	Calls    int           `json:"calls"`
	Slowest  time.Duration `json:"slowestNanos"`
	Failures []LoopFailure `json:"failures"`
}

// A LoopFailure is a call that failed in spite of all retries.
type LoopFailure struct {
	Start   int64  `json:"start"` // nanoseconds of the history
	End     int64  `json:"end"`
	Says    string `json:"says"`
	Excused bool   `json:"excused"` // its Region had no majority
}

// maxFailures bounds what a loop remembers; further ones are counted as calls that failed without a trace.
const maxFailures = 10_000

func (l *Loop) run(ctx context.Context, d *door, blobs [][]byte) {
	who := history.Client{Name: "loop " + l.Region, Region: l.Region}
	k := d.client(who)
	for n := 0; ctx.Err() == nil; n++ {
		begun := d.rec.Now()
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		_, err := k.Decrypt(call, &kms.DecryptInput{CiphertextBlob: blobs[n%len(blobs)]})
		cancel()
		took := d.rec.Now() - begun
		l.Calls++
		if err == nil {
			l.Slowest = max(l.Slowest, time.Duration(took))
		} else if len(l.Failures) < maxFailures {
			l.Failures = append(l.Failures, LoopFailure{Start: begun, End: begun + took, Says: err.Error()})
			k = d.client(who) // the SDK's bucket of retries is a matter between it and the last outage
		}
		sleep(ctx, loopPause)
	}
}

// judgeLoops excuses what failed where a Region had no majority; every other failure is a violation.
func judgeLoops(loops []*Loop, faults []Applied, nodes int) check.Verdict {
	v := check.Verdict{Judge: "decrypt loop"}
	for _, l := range loops {
		v.Checked += l.Calls
		excused := 0
		for i := range l.Failures {
			f := &l.Failures[i]
			f.Excused = excuse(*f, l.Region, faults, nodes)
			if f.Excused {
				excused++
			} else if v.Violation == "" {
				v.Violation = fmt.Sprintf("Decrypt failed in %s, which had its majority, from %.3f s to %.3f s: %s",
					l.Region, float64(f.Start)/1e9, float64(f.End)/1e9, f.Says)
			}
		}
		v.Notes = append(v.Notes, fmt.Sprintf("%s: %d calls, %d failed, %d of them while the Region had no majority; the slowest that succeeded took %s",
			l.Region, l.Calls, len(l.Failures), excused, l.Slowest.Round(time.Millisecond)))
	}
	return v
}

func excuse(f LoopFailure, region string, faults []Applied, nodes int) bool {
	for _, a := range faults {
		if a.Fault.silences(nodes) == region && f.End >= a.Begin && f.Start <= a.End+int64(recovery) {
			return true
		}
	}
	return false
}

package chaos

import (
	"context"
	"time"

	"meridian/cluster"
	"meridian/cluster/control"
	"meridian/cluster/history"
)

// sampleEvery is between two looks at how far the Regions are behind each other.
const sampleEvery = 500 * time.Millisecond

// maxSamples bounds what is kept: past it, every other sample is thrown away and looks are half as often.
const maxSamples = 4000

// A Sample is one look at the cluster.
type Sample struct {
	At     int64         `json:"at"` // nanoseconds of the history
	Lags   []control.Lag `json:"lags"`
	Silent []string      `json:"silent,omitempty"` // Regions without a leader that answers
}

// watch samples until ctx ends.
func watch(ctx context.Context, c *cluster.Cluster, rec *history.Recorder) (samples []Sample) {
	every := sampleEvery
	for ctx.Err() == nil {
		s := Sample{At: rec.Now()}
		s.Lags, s.Silent = c.Lag(ctx)
		if ctx.Err() != nil {
			break
		}
		samples = append(samples, s)
		if len(samples) == maxSamples {
			for i := range maxSamples / 2 {
				samples[i] = samples[2*i]
			}
			samples = samples[:maxSamples/2]
			every *= 2
		}
		sleep(ctx, every)
	}
	return samples
}

// silence is the longest time for which each Region had no leader, as far as samples tell.
func silence(samples []Sample) map[string]time.Duration {
	longest, since := map[string]time.Duration{}, map[string]int64{}
	for _, s := range samples {
		now := map[string]bool{}
		for _, r := range s.Silent {
			now[r] = true
			if _, ok := since[r]; !ok {
				since[r] = s.At
			}
		}
		for r, from := range since {
			longest[r] = max(longest[r], time.Duration(s.At-from))
			if !now[r] {
				delete(since, r)
			}
		}
	}
	return longest
}

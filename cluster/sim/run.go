package sim

import (
	"cmp"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Run runs seeds until there are enough of them, of time or of failures.
func Run(o Options) Report {
	if o.Seeds == 0 && o.For == 0 {
		o.Seeds = 1
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.MaxFailures <= 0 {
		o.MaxFailures = 10
	}
	start := time.Now()
	var (
		next, failed atomic.Uint64
		wait         sync.WaitGroup
		mu           sync.Mutex
		report       = Report{Coverage: Coverage{}}
	)
	more := func() (uint64, bool) {
		if o.For > 0 && time.Since(start) >= o.For || failed.Load() >= uint64(o.MaxFailures) {
			return 0, false
		}
		n := next.Add(1) - 1
		return o.Base + n, o.Seeds == 0 || n < o.Seeds
	}
	for range o.Workers {
		wait.Go(func() {
			w := newWorld(o)
			var seeds uint64
			var failures []*Failure
			for seed, ok := more(); ok; seed, ok = more() {
				seeds++
				if f := w.run(seed); f != nil {
					failed.Add(1)
					failures = append(failures, f)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			report.Seeds += seeds
			report.Steps += w.steps
			report.Failures = append(report.Failures, failures...)
			report.Coverage.add(w.coverage)
		})
	}
	wait.Wait()
	report.Elapsed = time.Since(start)
	slices.SortFunc(report.Failures, func(a, b *Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	return report
}

// Trace runs one seed and writes its history to out. It returns what broke, or nil.
func Trace(seed uint64, o Options, out io.Writer) *Failure {
	w := newWorld(o)
	w.trace = out
	return w.run(seed)
}

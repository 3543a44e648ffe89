package lagprofile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Shape is the form of a distribution.
type Shape string

// The shapes.
const (
	Constant    Shape = "constant"    // always Values[0]
	Uniform     Shape = "uniform"     // between Values[0] and Values[1]
	Exponential Shape = "exponential" // with the mean Values[0], at most Most
	Lognormal   Shape = "lognormal"   // with the median Values[0] and the 99th percentile Values[1], at most Most
	Percentiles Shape = "percentiles" // Values at the percentages Points, straight between them
)

// Dist is a distribution of delays. The zero Dist is no delay.
type Dist struct {
	Shape  Shape           `json:"shape,omitempty"`
	Values []time.Duration `json:"valuesNanos,omitempty"`
	Points []float64       `json:"points,omitempty"` // of Percentiles, from 0 to 100
	Most   time.Duration   `json:"mostNanos,omitempty"`
}

// Of returns the distribution that is always d.
func Of(d time.Duration) Dist { return Dist{Shape: Constant, Values: []time.Duration{d}} }

// needs is how many values a shape has.
func (s Shape) needs() int {
	switch s {
	case Constant, Exponential:
		return 1
	case Uniform, Lognormal:
		return 2
	}
	return -1
}

// Validate says what is wrong with a distribution.
func (d Dist) Validate() error {
	if d.Shape == "" {
		if len(d.Values)+len(d.Points) > 0 {
			return errors.New("a distribution without a shape")
		}
		return nil
	}
	if n := d.Shape.needs(); n >= 0 && len(d.Values) != n {
		return fmt.Errorf("%s has %d delays, not %d", d.Shape, len(d.Values), n)
	}
	for _, v := range append([]time.Duration{d.Most}, d.Values...) {
		if v < 0 || v > MaxDelay {
			return fmt.Errorf("%v is not between 0s and %v", v, MaxDelay)
		}
	}
	if !slices.IsSorted(d.Values) {
		return fmt.Errorf("%s: the delays do not grow", d.Shape)
	}
	switch d.Shape {
	case Constant, Uniform:
	case Exponential, Lognormal:
		if d.Most == 0 || d.Most < d.Values[0] {
			return fmt.Errorf("%s needs `most`, a delay that is never exceeded, above its other values", d.Shape)
		}
		if d.Values[0] == 0 {
			return fmt.Errorf("%s: 0s is no middle", d.Shape)
		}
	case Percentiles:
		return d.checkPoints()
	default:
		return fmt.Errorf("there is no distribution %.40q", d.Shape)
	}
	return nil
}

func (d Dist) checkPoints() error {
	n := len(d.Points)
	if n < 2 || n > 32 || n != len(d.Values) || d.Points[0] != 0 || d.Points[n-1] != 100 {
		return errors.New("percentiles needs 2 to 32 points, p0 and p100 among them")
	}
	for i := 1; i < n; i++ {
		if !(d.Points[i-1] < d.Points[i]) {
			return errors.New("percentiles: the points do not grow")
		}
	}
	return nil
}

// p99 is how many standard deviations the 99th percentile of a normal distribution is above its middle.
const p99 = 2.3263478740408408

// At returns the delay below which the part u of all delays is, for u in [0, 1); whole milliseconds.
func (d Dist) At(u float64) time.Duration {
	var v float64
	switch d.Shape {
	case "":
		return 0
	case Constant:
		v = float64(d.Values[0])
	case Uniform:
		v = float64(d.Values[0]) + u*float64(d.Values[1]-d.Values[0])
	case Exponential:
		v = -float64(d.Values[0]) * math.Log1p(-u)
	case Lognormal:
		sigma := math.Log(float64(d.Values[1])/float64(d.Values[0])) / p99
		v = float64(d.Values[0])
		if sigma > 0 {
			v *= math.Exp(sigma * math.Sqrt2 * math.Erfinv(2*u-1))
		}
	case Percentiles:
		i := 1
		for i < len(d.Points)-1 && d.Points[i] <= 100*u {
			i++
		}
		part := (100*u - d.Points[i-1]) / (d.Points[i] - d.Points[i-1])
		v = float64(d.Values[i-1]) + part*float64(d.Values[i]-d.Values[i-1])
	}
	v = min(v, float64(d.Longest())) // before it is a whole number: it may be too great for one
	return min(time.Duration(v).Round(time.Millisecond), d.Longest())
}

// Longest is the longest delay that there can be.
func (d Dist) Longest() time.Duration {
	switch d.Shape {
	case "":
		return 0
	case Exponential, Lognormal:
		return d.Most
	}
	return d.Values[len(d.Values)-1]
}

// String says what the distribution is, for people.
func (d Dist) String() string {
	switch d.Shape {
	case "":
		return "0s"
	case Constant:
		return d.Values[0].String()
	case Uniform:
		return fmt.Sprintf("%v to %v", d.Values[0], d.Values[1])
	case Exponential:
		return fmt.Sprintf("exponential, mean %v, at most %v", d.Values[0], d.Most)
	case Lognormal:
		return fmt.Sprintf("lognormal, median %v, p99 %v, at most %v", d.Values[0], d.Values[1], d.Most)
	}
	var parts []string
	for i, p := range d.Points {
		parts = append(parts, fmt.Sprintf("p%g %v", p, d.Values[i]))
	}
	return strings.Join(parts, ", ")
}

package kmsapi

import (
	"fmt"
	"math"
	"strconv"
)

// Timestamp is a moment in milliseconds since 1970 UTC, which is also how Region time is counted.
// In JSON it is a number of seconds with up to three decimals.
type Timestamp int64

// maxSeconds bounds a received timestamp: the last second of the year 9999.
const maxSeconds = 253402300799

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	ms, sign := uint64(t), ""
	if t < 0 {
		ms, sign = -uint64(t), "-"
	}
	out := strconv.AppendUint([]byte(sign), ms/1000, 10)
	if fraction := ms % 1000; fraction != 0 {
		out = fmt.Appendf(out, ".%03d", fraction)
		for out[len(out)-1] == '0' {
			out = out[:len(out)-1]
		}
	}
	return out, nil
}

// UnmarshalJSON implements json.Unmarshaler. Digits beyond the millisecond are rounded.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	r := reader{data: b}
	read := readTimestamp(&r)
	if r.end(); r.fault != nil {
		return r.fault
	}
	if read != nil {
		*t = *read
	}
	return nil
}

func parseTimestamp(number string) (Timestamp, bool) {
	seconds, err := strconv.ParseFloat(number, 64)
	if err != nil || math.Abs(seconds) > maxSeconds {
		return 0, false
	}
	return Timestamp(math.Round(seconds * 1000)), true
}

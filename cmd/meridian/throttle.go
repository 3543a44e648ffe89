package main

import (
	"fmt"

	"meridian/cluster"
	"meridian/region/throttle"
)

// readThrottle reads --throttle: aws, off or a file. Nil leaves a cluster's quotas as they are.
func readThrottle(said string) ([]byte, error) {
	switch said {
	case "":
		return nil, nil
	case "off":
		return []byte{}, nil
	case "aws":
		return []byte("base: aws\n"), nil
	}
	text, err := readBounded(said, throttle.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: --throttle is aws, off or a file: %w", cluster.ErrUsage, err)
	}
	// What the rates are depends on the Region; whether the file is right does not.
	if _, err := throttle.Parse(text, ""); err != nil {
		return nil, fmt.Errorf("%w: --throttle %s: %w", cluster.ErrUsage, said, err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%w: --throttle %s is empty: say off for no quotas", cluster.ErrUsage, said)
	}
	return text, nil
}

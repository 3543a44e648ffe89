package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// Profiles are what a node can be asked for: cpu over some seconds, the others as things are. They hold names of
// functions and counts, and no values.
func Profiles() []string {
	return []string{"cpu", "heap", "allocs", "goroutine", "block", "mutex", "trace"}
}

// MaxProfileSeconds is the longest time over which a node observes itself: an answer of the admin socket may take a
// minute.
const MaxProfileSeconds = 50

// Profile writes a profile of the node to w, as `go tool pprof` reads it (trace: as `go tool trace` does). Seconds count
// for cpu and trace alone.
func (c *Client) Profile(ctx context.Context, what string, seconds int, w io.Writer) error {
	if !slices.Contains(Profiles(), what) || seconds < 1 || seconds > MaxProfileSeconds {
		return fmt.Errorf("no profile %q over %d seconds", what, seconds)
	}
	path := "/debug/pprof/" + what
	switch what {
	case "cpu":
		path = "/debug/pprof/profile?seconds=" + strconv.Itoa(seconds)
	case "trace":
		path += "?seconds=" + strconv.Itoa(seconds)
	case "heap":
		path += "?gc=1"
	}
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}

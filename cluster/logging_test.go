package cluster

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"meridian/cluster/layout"
)

// TestLogging says what a process writes, by what was asked for at the start.
func TestLogging(t *testing.T) {
	for _, tc := range []struct {
		ask   Logging
		lines []string // how the lines begin of a debug, an info and a warning
		err   bool
	}{
		{ask: Logging{}, lines: []string{"time=", "time="}},
		{ask: Logging{LogFormat: "text", LogLevel: "info"}, lines: []string{"time=", "time="}},
		{ask: Logging{LogFormat: "json"}, lines: []string{`{"time":"`, `{"time":"`}},
		{ask: Logging{LogFormat: "json", LogLevel: "debug"}, lines: []string{`{"time":"`, `{"time":"`, `{"time":"`}},
		{ask: Logging{LogLevel: "error"}},
		{ask: Logging{LogFormat: "xml"}, err: true},
		{ask: Logging{LogLevel: "loud"}, err: true},
	} {
		c := &Cluster{File: &layout.Cluster{}}
		if err := tc.ask.enter(c.File); (err != nil) != tc.err || err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", tc.ask, err)
		}
		if tc.err {
			continue
		}
		var out strings.Builder
		log := c.Logger(&out)
		log.Debug("d")
		log.Info("i")
		log.Warn("w")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if out.Len() == 0 {
			lines = nil
		}
		if len(lines) != len(tc.lines) {
			t.Errorf("%+v writes %q", tc.ask, lines)
			continue
		}
		for i, begin := range tc.lines {
			if !strings.HasPrefix(lines[i], begin) {
				t.Errorf("%+v writes %q", tc.ask, lines[i])
			}
		}
	}
}

// TestLinesOfBothFormsAreMergedByTime reads the time that a line begins with.
func TestLinesOfBothFormsAreMergedByTime(t *testing.T) {
	var text, json strings.Builder
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&json, nil)} {
		if err := h.Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "node started", 0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{text.String(), json.String()} {
		if got := stamp(line); got != "2026-01-02T03:04:05.678000000Z" {
			t.Errorf("%q is of %q", line, got)
		}
	}
	for _, line := range []string{"", `{"time":"`, `{"time":"yesterday"}`, "panic: no time"} {
		if got := stamp(line); got != "" {
			t.Errorf("%q is of %q", line, got)
		}
	}
}

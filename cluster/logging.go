package cluster

import (
	"fmt"
	"io"
	"log/slog"

	"meridian/cluster/layout"
)

// Forms of the processes' logs.
const (
	LogText = "text"
	LogJSON = "json"
)

// Logging is how the processes of a cluster write their logs; zero values: as stored, or as text at level info.
type Logging struct {
	LogFormat string // LogText, LogJSON
	LogLevel  string // debug, info, warn, error
}

// enter puts what was asked for into the cluster's file.
func (l Logging) enter(f *layout.Cluster) error {
	switch l.LogFormat {
	case "":
	case LogText:
		f.LogFormat = ""
	case LogJSON:
		f.LogFormat = LogJSON
	default:
		return fmt.Errorf("%w: --log-format %.40q is neither %s nor %s", ErrUsage, l.LogFormat, LogText, LogJSON)
	}
	switch l.LogLevel {
	case "":
	case "info":
		f.LogLevel = ""
	case "debug", "warn", "error":
		f.LogLevel = l.LogLevel
	default:
		return fmt.Errorf("%w: --log-level %.40q is none of debug, info, warn, error", ErrUsage, l.LogLevel)
	}
	return nil
}

// changeLogging changes how the logs of a cluster are written. Processes that run go on as they are.
func (c *Cluster) changeLogging(l Logging) error {
	changed := *c.File
	if err := l.enter(&changed); err != nil {
		return err
	}
	if changed.LogFormat == c.File.LogFormat && changed.LogLevel == c.File.LogLevel {
		return nil
	}
	if c.alive() {
		return fmt.Errorf("%w: the cluster runs; stop it with `meridian down` to change --log-format or --log-level", ErrUsage)
	}
	*c.File = changed
	return layout.WriteCluster(c.Dir, c.File)
}

// Logger is what a process of the cluster writes its log with.
func (c *Cluster) Logger(out io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{}
	var level slog.Level
	if level.UnmarshalText([]byte(c.File.LogLevel)) == nil { // else info, which is what nothing stands for
		o.Level = level
	}
	if c.File.LogFormat == LogJSON {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}

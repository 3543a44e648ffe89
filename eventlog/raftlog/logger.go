package raftlog

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

var _ hclog.Logger = raftLogger{}

// Logger is l as Raft and its network transport want it; nil: silent.
func Logger(l *slog.Logger) hclog.Logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return raftLogger{slog: l}
}

// raftLogger is Raft's kind of logger over slog. Raft logs indexes, terms and addresses, never the
// data of an entry.
type raftLogger struct {
	slog *slog.Logger
	name string
	args []any
}

// level is slog's name of a level of Raft's.
func level(l hclog.Level) slog.Level {
	switch l {
	case hclog.Error:
		return slog.LevelError
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Info:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

func (l raftLogger) Log(at hclog.Level, msg string, args ...any) {
	if !l.slog.Enabled(context.Background(), level(at)) {
		return
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	l.slog.Log(context.Background(), level(at), "raft: "+msg, args...)
}

func (l raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l raftLogger) enabled(at hclog.Level) bool {
	return l.slog.Enabled(context.Background(), level(at))
}

func (l raftLogger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l raftLogger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l raftLogger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l raftLogger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l raftLogger) IsError() bool { return l.enabled(hclog.Error) }

func (l raftLogger) ImpliedArgs() []any { return l.args }

func (l raftLogger) With(args ...any) hclog.Logger {
	return raftLogger{slog: l.slog.With(args...), name: l.name, args: append(l.args[:len(l.args):len(l.args)], args...)}
}

func (l raftLogger) Name() string { return l.name }

func (l raftLogger) Named(name string) hclog.Logger {
	l.name = name
	return l
}

func (l raftLogger) ResetNamed(name string) hclog.Logger { return l.Named(name) }

// SetLevel does nothing: the level is the slog handler's.
func (l raftLogger) SetLevel(hclog.Level) {}

func (l raftLogger) GetLevel() hclog.Level {
	for at := hclog.Trace; at <= hclog.Error; at++ {
		if l.enabled(at) {
			return at
		}
	}
	return hclog.Off
}

func (l raftLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(l.slog.Handler(), slog.LevelInfo)
}

func (l raftLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return l.StandardLogger(nil).Writer()
}

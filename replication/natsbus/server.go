package natsbus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"meridian/replication"
)

// Limits of a server.
const (
	maxPayload   = 1 << 20
	pingInterval = 2 * time.Second
	maxPings     = 2
	readyWithin  = 10 * time.Second
	maxClients   = 256
)

// User is a Region that may log in.
type User struct {
	Region string
	NKey   string // public user key
}

// ServerConfig is what a Server is made of.
type ServerConfig struct {
	Node   string // name of the node, for logs
	Region string // whose node it is
	Addr   string // host:port to listen on; port 0 asks the kernel
	Users  []User // the Regions of the cluster
	Logger *slog.Logger
}

// Server is one node's NATS server.
type Server struct {
	nats   *server.Server
	region string
	local  string // password of the in-process user
	log    *serverLog
}

const localUser = "leader"

// StartServer starts a node's server and returns when it listens.
func StartServer(c ServerConfig) (*Server, error) {
	host, portText, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("nats server: port of %q: %w", c.Addr, err)
	}
	s := &Server{region: c.Region, local: rand.Text(), log: newServerLog(c.Logger)}
	s.nats, err = server.NewServer(s.options(c, host, int(port)))
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	s.nats.SetLoggerV2(s.log, false, false, false)
	s.nats.Start()
	if err := s.ready(); err != nil {
		s.Close()
		return nil, fmt.Errorf("nats server: listen on %s: %w", c.Addr, err)
	}
	return s, nil
}

// ready waits until the server listens. Where it cannot, it has said so by now.
func (s *Server) ready() error {
	select {
	case err := <-s.log.fatal:
		return err
	default:
	}
	if !s.nats.ReadyForConnections(readyWithin) || s.nats.Addr() == nil {
		return errors.New("not ready in time")
	}
	return nil
}

func (s *Server) options(c ServerConfig, host string, port int) *server.Options {
	if port == 0 {
		port = server.RANDOM_PORT
	}
	o := &server.Options{
		ServerName: c.Node, Host: host, Port: port,
		NoSigs: true, NoSystemAccount: true,
		MaxPayload: maxPayload, MaxConn: maxClients, MaxSubs: maxClients * 8,
		MaxControlLine: 1024, AuthTimeout: helloTimeout.Seconds(), // a link may be slow
		PingInterval: pingInterval, MaxPingsOut: maxPings, WriteDeadline: 2 * time.Second,
		DisableShortFirstPing: true,
	}
	for _, u := range c.Users {
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: u.NKey, Permissions: visitor(u.Region)})
	}
	o.Users = []*server.User{{
		Username: localUser, Password: s.local, Permissions: leader(c.Region),
		AllowedConnectionTypes: map[string]struct{}{"IN_PROCESS": {}},
	}}
	return o
}

// visitor is what another Region's leader may do here: ask in its own name, hear answers to itself.
func visitor(region string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"mr.v1.*.*." + region}},
		Subscribe: &server.SubjectPermission{Allow: []string{inbox(region) + ".>"}},
	}
}

// leader is what this Region's own leader may do here: hear questions to its Region and answer.
func leader(region string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"_INBOX.*.>"}},
		Subscribe: &server.SubjectPermission{Allow: []string{questions(region)}},
	}
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return s.nats.Addr().String() }

// InProcessConn connects to the server without a socket.
func (s *Server) InProcessConn() (net.Conn, error) {
	conn, err := s.nats.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	return conn, nil
}

// Close ends every connection and waits for the server's goroutines.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// Subjects: mr.v1.<dst>.<kind>.<src>. Names of Regions and kinds have no dots.
func subject(dst string, kind replication.Kind, src string) string {
	return "mr.v1." + dst + "." + string(kind) + "." + src
}

func questions(region string) string { return "mr.v1." + region + ".*.*" }

func inbox(region string) string { return "_INBOX." + region }

// serverLog passes the NATS server's lines on and keeps the first fatal one, which the server
// expects to end the process.
type serverLog struct {
	log   *slog.Logger
	fatal chan error
}

func newServerLog(l *slog.Logger) *serverLog {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return &serverLog{log: l.With("part", "nats"), fatal: make(chan error, 1)}
}

// Noticef and the rest implement server.Logger.
func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}

// Fatalf implements server.Logger.
func (l *serverLog) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	l.log.Error(err.Error())
	select {
	case l.fatal <- err:
	default:
	}
}

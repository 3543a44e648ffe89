package forward

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/keyengine"
)

func listen(t *testing.T, self Hello) *Port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := Listen(l, self, (&net.Dialer{}).DialContext, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { p.Close() })
	return p
}

type peer struct {
	leads bool
	uses  chan keyengine.Use
}

func (p peer) Position(context.Context) (Position, error) {
	if !p.leads {
		return Position{}, errors.New("not the leader")
	}
	return Position{Term: 3, Seq: 42}, nil
}
func (p peer) WallClock() int64   { return 1234 }
func (p peer) Standing() Standing { return Standing{ID: "n1", Last: 99, Joining: true} }

func (p peer) RecordUses(_ context.Context, uses []keyengine.Use) error {
	if !p.leads {
		return errors.New("not the leader")
	}
	for _, u := range uses {
		p.uses <- u
	}
	return nil
}

func serve(t *testing.T, p *Port, h http.Handler) {
	t.Helper()
	s := &http.Server{Handler: h}
	go s.Serve(p.Calls())
	t.Cleanup(func() { s.Close() })
}

var here = Hello{Cluster: "c1", Region: "us-east-1", Node: "us-east-1/1"}

func TestCallsAndQuestionsReachTheNode(t *testing.T) {
	a, b := listen(t, here), listen(t, here)
	serve(t, b, Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("x-seen", r.Host+"|"+r.Header.Get("Authorization")+"|"+r.Header.Get(RequestIDHeader))
		w.WriteHeader(http.StatusTeapot)
		w.Write(append([]byte("echo "), body...))
	}), peer{leads: true}))

	client := NewClient(a)
	defer client.Close()
	ctx := t.Context()
	got, err := client.Forward(ctx, b.Addr().String(), Call{
		Host: "kms.us-east-1.amazonaws.com", Header: http.Header{"Authorization": {"sig"}}, Body: []byte("{}"), RequestID: "r-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusTeapot || string(got.Body) != "echo {}" || got.Header.Get("x-seen") != "kms.us-east-1.amazonaws.com|sig|r-1" {
		t.Errorf("forwarded call: %d %q %v", got.Status, got.Body, got.Header)
	}
	if pos, err := client.Position(ctx, b.Addr().String()); err != nil || pos != (Position{Term: 3, Seq: 42}) {
		t.Errorf("position: %v, %v", pos, err)
	}
	if s, err := client.Standing(ctx, b.Addr().String()); err != nil || s != (Standing{ID: "n1", Last: 99, Joining: true}) {
		t.Errorf("standing: %v, %v", s, err)
	}
	if ms, err := client.Clock(ctx, b.Addr().String()); err != nil || ms != 1234 {
		t.Errorf("clock: %v, %v", ms, err)
	}
}

func TestAFollowerDoesNotAnswerForTheLeader(t *testing.T) {
	a := listen(t, here)
	serve(t, a, Handler(http.NotFoundHandler(), peer{}))
	client := NewClient(a)
	defer client.Close()
	_, err := client.Position(t.Context(), a.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "not the leader") {
		t.Errorf("position of a follower: %v", err)
	}
}

func TestRaftConnectionsAreSeparate(t *testing.T) {
	a, b := listen(t, here), listen(t, here)
	accepted := make(chan net.Conn)
	go func() {
		c, err := b.Raft().Accept()
		if err == nil {
			accepted <- c
		}
	}()
	out, err := a.Raft().Dial("", time.Second)
	if err == nil {
		out.Close()
		t.Fatal("dialed an empty address")
	}
	addr := b.Raft().Addr().String()
	conn, err := (&raftLayer{lane: a.raft, port: a}).port.open(t.Context(), laneRaft, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := <-accepted
	defer in.Close()
	conn.Write([]byte("x"))
	var got [1]byte
	if _, err := io.ReadFull(in, got[:]); err != nil || got[0] != 'x' {
		t.Errorf("raft bytes: %q, %v", got, err)
	}
}

func TestStrangersAreClosed(t *testing.T) {
	b := listen(t, here)
	for name, hello := range map[string]func(net.Conn){
		"another cluster": func(c net.Conn) {
			writeHello(c, laneRaft, Hello{Version: Version, Cluster: "c2", Region: here.Region})
		},
		"another Region": func(c net.Conn) {
			writeHello(c, laneRaft, Hello{Version: Version, Cluster: here.Cluster, Region: "eu-west-1"})
		},
		"a newer version": func(c net.Conn) {
			writeHello(c, laneCall, Hello{Version: Version + 1, Cluster: here.Cluster, Region: here.Region})
		},
		"an unknown lane": func(c net.Conn) {
			writeHello(c, 'X', Hello{Version: Version, Cluster: here.Cluster, Region: here.Region})
		},
		"not a hello":  func(c net.Conn) { c.Write([]byte("GET / HTTP/1.1\r\n\r\n")) },
		"a huge hello": func(c net.Conn) { c.Write([]byte{laneRaft, 0xff, 0xff}) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", b.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			hello(conn)
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the port did not close the connection: %v", err)
			}
		})
	}
}

func TestCloseDoesNotWaitForASilentConnection(t *testing.T) {
	b := listen(t, here)
	conn, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	done := make(chan struct{})
	go func() { b.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(helloTimeout):
		t.Fatal("Close waited for a connection that never said who it is")
	}
}

func FuzzReadHello(f *testing.F) {
	f.Add([]byte{laneRaft, 0, 0})
	f.Add([]byte("F\x00\x05\xa0abcd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, h, err := readHello(strings.NewReader(string(b))); err == nil {
			_ = here.check(laneCall, h)
		}
	})
}

package fault

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Bounds of what a connection holds in each direction, and of one piece of it.
const (
	maxHeld  = 1 << 20
	maxPiece = 32 << 10
)

// lastWords bounds each write of late bytes after Close.
const lastWords = 5 * time.Second

// conn is a connection under rules. It starts direct: calls go to the base connection. The first call
// that meets a rule starts a pump for its direction, and from then on bytes pass through a queue.
type conn struct {
	net.Conn // the base
	layer    *Layer
	dst      string
	calls    bool

	out, in   *queue
	readMu    sync.Mutex // one Read at a time
	writeMu   sync.Mutex // one Write at a time
	readDead  *deadline
	writeDead *deadline

	mu      sync.Mutex // guards the fields below, and deadlines of the base
	pumpIn  bool
	pumpOut bool
	closed  bool
	done    chan struct{} // closed by Close
}

func newConn(l *Layer, base net.Conn, dst string, calls bool) *conn {
	return &conn{
		Conn: base, layer: l, dst: dst, calls: calls,
		out: newQueue(), in: newQueue(),
		readDead: newDeadline(), writeDead: newDeadline(),
		done: make(chan struct{}),
	}
}

func (c *conn) link() link { return c.layer.state.Load().link(c.layer.self, c.dst) }

// Read reads bytes that have arrived, are due, and are not behind a cut.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.readMu.Lock()
	defer c.readMu.Unlock()
	if !c.pumping(&c.pumpIn) && c.link().clear() {
		n, err := c.Conn.Read(b)
		k := c.link()
		if k.clear() || n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// A rule came while the bytes were on their way: they are its first.
		c.in.push(b[:n], c.layer.lateness(k.in))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.in.fail(err)
		}
	}
	c.startIn()
	return c.take(b)
}

// take reads from the queue of arrived bytes.
func (c *conn) take(b []byte) (int, error) {
	for {
		if c.isClosed() {
			return 0, net.ErrClosed
		}
		expired := c.readDead.wait()
		select {
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		s := c.layer.state.Load()
		changed := c.in.watch()
		var wait time.Duration
		if !s.link(c.layer.self, c.dst).cut {
			n, due, err := c.in.pop(b)
			if n > 0 || err != nil {
				return n, err
			}
			wait = due
		}
		pause(wait, changed, s.over, expired, c.done)
	}
}

// Write passes bytes on, or holds them for later.
func (c *conn) Write(b []byte) (int, error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	k := c.link()
	if c.calls && c.layer.chance(1-(1-k.drop)*(1-k.duplicate)) {
		c.reset()
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}
	}
	if !c.pumping(&c.pumpOut) && k.clear() {
		return c.Conn.Write(b)
	}
	c.startOut()
	done := 0
	for done < len(b) {
		n, err := c.hold(b[done:])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// hold queues a piece of b, waiting for room.
func (c *conn) hold(b []byte) (int, error) {
	for {
		if c.isClosed() {
			return 0, net.ErrClosed
		}
		expired := c.writeDead.wait()
		select {
		case <-expired:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		changed := c.out.watch()
		if err := c.out.failed(); err != nil {
			return 0, err
		}
		if c.out.room() {
			piece := b[:min(len(b), maxPiece)]
			c.out.push(piece, c.layer.lateness(c.link().out))
			return len(piece), nil
		}
		pause(0, changed, nil, expired, c.done)
	}
}

func (c *conn) pumping(flag *bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *flag
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// startIn starts the pump of arriving bytes. The caller holds readMu, so nothing else reads the base.
func (c *conn) startIn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pumpIn || c.closed {
		return
	}
	c.pumpIn = true
	_ = c.Conn.SetReadDeadline(time.Time{}) // deadlines are the queue's from now on
	go c.receive()
}

func (c *conn) startOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pumpOut || c.closed {
		return
	}
	c.pumpOut = true
	_ = c.Conn.SetWriteDeadline(time.Time{})
	go c.send()
}

// receive moves bytes from the base to the queue. It ends with the base, or with Close when the queue
// is full.
func (c *conn) receive() {
	if c.in.failed() != nil {
		return
	}
	buf := make([]byte, maxPiece)
	for {
		n, err := c.Conn.Read(buf)
		if n > 0 {
			c.in.push(buf[:n], c.layer.lateness(c.link().in))
		}
		if err != nil {
			c.in.fail(err)
			return
		}
		for changed := c.in.watch(); !c.in.room(); changed = c.in.watch() {
			if c.isClosed() {
				return
			}
			pause(0, changed, nil, nil, c.done)
		}
	}
}

// send moves bytes that are due from the queue to the base. After Close it sends what is late but not
// what is behind a cut, then closes the base.
func (c *conn) send() {
	buf := make([]byte, maxPiece)
	for {
		s := c.layer.state.Load()
		changed := c.out.watch()
		closed := c.isClosed()
		cut := s.link(c.layer.self, c.dst).cut
		if closed && (cut || c.out.empty()) {
			c.Conn.Close()
			return
		}
		var wait time.Duration
		if !cut {
			n, due, err := c.out.pop(buf)
			if err != nil {
				c.Conn.Close()
				return
			}
			if n > 0 {
				if closed {
					_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWords))
				}
				if _, err := c.Conn.Write(buf[:n]); err != nil {
					c.out.fail(err)
				}
				continue
			}
			wait = due
		}
		done := c.done
		if closed {
			done = nil // known already
		}
		pause(wait, changed, s.over, nil, done)
	}
}

// Close closes the connection; bytes that are only late still arrive.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	close(c.done)
	c.readDead.stop()
	c.writeDead.stop()
	if c.pumpOut {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWords))
		return nil // send closes the base
	}
	return c.Conn.Close()
}

// reset closes the connection so that the other end sees a reset, without last words.
func (c *conn) reset() {
	if t, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0)
	}
	c.Conn.Close()
	_ = c.Close()
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of Read.
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, c.readDead, &c.pumpIn, c.Conn.SetReadDeadline)
}

// SetWriteDeadline sets the deadline of Write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, c.writeDead, &c.pumpOut, c.Conn.SetWriteDeadline)
}

func (c *conn) setDeadline(t time.Time, d *deadline, pump *bool, base func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	d.set(t)
	if *pump {
		return nil
	}
	return base(t)
}

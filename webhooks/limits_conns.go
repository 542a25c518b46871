package webhooks

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// What a connection is doing, as far as its right to stay is concerned.
const (
	// connStrange has sent no request with an accepted token yet.
	connStrange int32 = iota
	// connIdle has, and waits for its next one.
	connIdle
	// connBusy has one under way.
	connBusy
)

// crowd bounds the connections that are open at once. Where
// there is no room for one more, the connection goes that has the least right to
// stay: the oldest of those that never presented a token, from the network that has
// the most of them, or else the oldest idle one. A caller that opens ten thousand
// connections so displaces its own, and not those of others. Where all are busy the
// next one waits in the system's queue.
type crowd struct {
	limit int

	mu      sync.Mutex
	room    *sync.Cond
	held    map[*heldConn]bool
	closed  bool
	count   uint64
	dropped uint64
}

func newCrowd(limit int) *crowd {
	c := &crowd{limit: limit, held: map[*heldConn]bool{}}
	c.room = sync.NewCond(&c.mu)
	return c
}

// collectors show the crowd on /metrics.
func (c *crowd) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "serin_http_connections", Help: "Connections that are open.",
		}, func() float64 { open, _ := c.state(); return float64(open) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "serin_http_connections_dropped_total", Help: "Connections that were closed to make room for others.",
		}, func() float64 { _, dropped := c.state(); return float64(dropped) }),
	}
}

// state returns how many connections are open and how many had to go.
func (c *crowd) state() (open int, dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held), c.dropped
}

// crowdListener accepts connections for a crowd.
type crowdListener struct {
	net.Listener
	crowd *crowd
}

// heldConn is a connection that counts.
type heldConn struct {
	net.Conn
	crowd   *crowd
	network string
	age     uint64 // its number; smaller is older
	state   atomic.Int32
}

// Accept implements net.Listener.
func (l crowdListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if err := l.crowd.makeRoom(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l.crowd.hold(conn), nil
}

// Close implements net.Listener.
func (l crowdListener) Close() error {
	l.crowd.mu.Lock()
	l.crowd.closed = true
	l.crowd.mu.Unlock()
	l.crowd.room.Broadcast()
	return l.Listener.Close()
}

func (c *crowd) hold(conn net.Conn) *heldConn {
	remote, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		remote = "" // a socket of this machine
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	h := &heldConn{Conn: conn, crowd: c, network: network(remote), age: c.count}
	c.held[h] = true
	return h
}

// makeRoom returns when there is room for one more connection: somebody must go
// before the next may come.
func (c *crowd) makeRoom() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.held) >= c.limit && !c.closed {
		victim := c.victim()
		if victim == nil {
			c.room.Wait()
			continue
		}
		delete(c.held, victim)
		c.dropped++
		_ = victim.Conn.Close() // whoever reads or writes it learns of it
	}
	if c.closed {
		return net.ErrClosed
	}
	return nil
}

// victim returns the connection with the least right to stay, or nil where every
// one is busy.
func (c *crowd) victim() *heldConn {
	strangers := map[string]int{}
	for h := range c.held {
		if h.state.Load() == connStrange {
			strangers[h.network]++
		}
	}
	var worst *heldConn
	for h := range c.held {
		state := h.state.Load()
		if state == connBusy {
			continue
		}
		if worst == nil || less(h, worst, state, strangers) {
			worst = h
		}
	}
	return worst
}

// less reports whether a has less right to stay than b.
func less(a, b *heldConn, state int32, strangers map[string]int) bool {
	other := b.state.Load()
	if state != other {
		return state == connStrange
	}
	if state == connStrange && strangers[a.network] != strangers[b.network] {
		return strangers[a.network] > strangers[b.network]
	}
	return a.age < b.age
}

// Close implements net.Conn.
func (h *heldConn) Close() error {
	h.crowd.mu.Lock()
	delete(h.crowd.held, h)
	h.crowd.mu.Unlock()
	h.crowd.room.Signal()
	return h.Conn.Close()
}

// set changes what the connection is doing. One that became idle may have to go.
func (h *heldConn) set(state int32) {
	h.crowd.mu.Lock()
	h.state.Store(state)
	h.crowd.mu.Unlock()
	h.crowd.room.Signal()
}

// heldOf returns the connection below whatever wraps it, or nil.
func heldOf(c net.Conn) *heldConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	h, _ := c.(*heldConn)
	return h
}

// connKey is where a request's context holds its connection; net/http offers no
// other way from a request to it.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, heldOf(c))
}

// onState is told by net/http what becomes of a connection.
func onState(c net.Conn, state http.ConnState) {
	h := heldOf(c)
	if h == nil {
		return
	}
	if state == http.StateIdle && h.state.Load() == connBusy {
		h.set(connIdle)
	}
}

// vouch says that a request with an accepted token is under way on its connection,
// which may stay until it is answered.
func vouch(r *http.Request) {
	if h, _ := r.Context().Value(connKey{}).(*heldConn); h != nil {
		h.set(connBusy)
	}
}

package hostile_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/hostile"
)

// outside lets checks go to one address of this machine and nowhere else, as a server
// does whose configuration lists its networks.
func outside(to netip.AddrPort) error {
	if to.Addr() == netip.MustParseAddr("127.0.0.2") {
		return nil
	}
	return errors.New(to.Addr().String() + " is out of bounds")
}

// operators reports whether a kind goes where the operator's configuration says, and no plan.
func operators(k kind) bool { return k.name == "prometheus" || k.name == "gate of Datadog" }

// TestNoKindGoesWhereItMayNot ensures that every kind asks the guard at its dial, however
// an address is written, and that nothing is sent where it may not go.
func TestNoKindGoesWhereItMayNot(t *testing.T) {
	var met atomic.Int64
	l := listen(t, "[::]:0")
	hostile.StartOn(t, l, hostile.Server{Serve: func(net.Conn) { met.Add(1) }})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{
		"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "localhost", "127.1", "2130706433", "0x7f000001", "127.0.0.1.",
		"169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "100.100.100.200",
	} {
		for _, k := range kinds() {
			if operators(k) {
				continue
			}
			t.Run(k.name+" to "+host, func(t *testing.T) {
				at := net.JoinHostPort(strings.Trim(host, "[]"), port)
				target := checks.Arm{URL: "http://" + at}
				spec := k.spec(at, 5*time.Second)
				if spec.Load != nil {
					spec.Load.Hosts = []string{strings.Trim(host, "[]")}
				}
				got := runners(outside, nil).Run(t.Context(), spec, checks.Target{Canary: target, Baseline: target})
				if got.Status != checks.Broken && got.Status != checks.Failed && got.Status != checks.Measured {
					t.Errorf("got %s: %s, want it refused", got.Status, got.Reason)
				}
				if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && spec.Load == nil &&
					(got.Status != checks.Broken || !strings.Contains(got.Reason, ip.Unmap().String()+" is out of bounds")) {
					t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
				}
			})
		}
	}
	if n := met.Load(); n > 0 {
		t.Errorf("got %d connections where none may go", n)
	}
}

// TestAGuardThatPanics ensures that a check fails alone whose guard panics, which it does
// on a goroutine of the net package.
func TestAGuardThatPanics(t *testing.T) {
	panicking := func(netip.AddrPort) error { panic("on purpose") }
	for _, k := range kinds() {
		if operators(k) {
			continue
		}
		got := runners(panicking, nil).Run(t.Context(), k.spec("127.0.0.1:1", 5*time.Second), checks.Target{
			Canary: checks.Arm{URL: "http://127.0.0.1:1"}, Baseline: checks.Arm{URL: "http://127.0.0.1:1"},
		})
		if got.Status != checks.Broken && got.Status != checks.Measured {
			t.Errorf("%s: got %s: %s, want it broken", k.name, got.Status, got.Reason)
		}
	}
}

func listen(t *testing.T, at string) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", at, err)
	}
	return l
}

// TestRebinding ensures that a name that stands for an allowed address at first and for a
// forbidden one later gains nothing: neither at a second attempt nor by a redirect.
func TestRebinding(t *testing.T) {
	allowed := listen(t, "127.0.0.2:0")
	_, port, _ := net.SplitHostPort(allowed.Addr().String())
	forbidden := listen(t, "127.0.0.1:"+port)
	var within, beyond atomic.Int64
	hostile.StartOn(t, allowed, hostile.Server{Serve: func(c net.Conn) {
		within.Add(1)
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // not every kind asks anything
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			r.Body.Close()
			io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	}})
	hostile.StartOn(t, forbidden, hostile.Server{Serve: func(net.Conn) { beyond.Add(1) }})
	rebind(t)
	for _, k := range kinds() {
		if operators(k) || k.name == "load" { // a load may go on where it began; its addresses are asked for one by one, too
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			within.Store(0)
			spec := k.spec(strings.ReplaceAll(k.name, " ", "-")+".rebind.test:"+port, 5*time.Second)
			spec.Retries = 3
			got := runners(outside, nil).Run(t.Context(), spec, checks.Target{})
			// What a Loki answers is not asked for again: its first answer was none.
			if got.Status != checks.Broken || !strings.Contains(got.Reason, "127.0.0.1 is out of bounds") && k.name != "logs of a Loki" {
				t.Errorf("got %s: %s, want the second address refused", got.Status, got.Reason)
			}
			if within.Load() == 0 {
				t.Errorf("got no connection to the first address: %s", got.Reason)
			}
		})
	}
	if n := beyond.Load(); n > 0 {
		t.Errorf("got %d connections to the forbidden address, want none", n)
	}
}

// rebind makes names resolve to 127.0.0.2 when they are asked for at first, and to
// 127.0.0.1 from then on, until the test ends.
func rebind(t *testing.T) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	system := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Resolver: system}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
	done := make(chan struct{})
	t.Cleanup(func() { net.DefaultResolver = system; c.Close(); <-done })
	asked := map[string]bool{}
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo(answer(buf[:n:n], asked), from)
		}
	}()
}

// answer answers a question of an A record; of others there are none.
func answer(q []byte, asked map[string]bool) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if binary.BigEndian.Uint16(question[len(question)-4:]) != 1 {
		return out
	}
	name, last := string(question), byte(2)
	if asked[name] {
		last = 1
	}
	asked[name] = true
	out[7] = 1
	return append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last)
}

package journey_test

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/journey"
)

// hostile are answers that no server should give.
var hostile = map[string]func(net.Conn){
	"closes at once": func(net.Conn) {},
	"silent":         untilGone,
	"half-closed":    func(c net.Conn) { c.(*net.TCPConn).CloseWrite(); untilGone(c) },
	"slow headers":   func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: "); untilGone(c) },
	"slow body":      func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"); untilGone(c) },
	"endless body": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 201 Created\r\n\r\n")
		again(c, strings.Repeat("a", 4096))
	},
	"endless headers": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		again(c, "X-A: "+strings.Repeat("a", 4096)+"\r\n")
	},
	"endless cookies": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		again(c, "Set-Cookie: a="+strings.Repeat("a", 4000)+"\r\n")
	},
	"no HTTP":        func(c net.Conn) { io.WriteString(c, "220 mail\r\n") },
	"malformed JSON": func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":") },
	"redirects to itself": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"a gzip bomb": func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
		z, zeros := gzip.NewWriter(c), make([]byte, 1<<20)
		for range 1 << 8 {
			if _, err := z.Write(zeros); err != nil {
				return
			}
		}
		z.Close()
	},
}

func untilGone(c net.Conn) { io.Copy(io.Discard, c) }

func again(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// TestHostileSteps ensures that a server that turns hostile at any step is a finding that
// names the step, in bounded time and memory, and that nothing is left running or open.
func TestHostileSteps(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, do := range hostile {
		for path, step := range map[string]string{"/login": "setup 1 of 1 (login)", "/orders": "step 1 of 2 (order)", "/orders/o-1": "step 2 of 2 (look)"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				s := newShop(t)
				s.instead = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodDelete || r.URL.Path != path && r.URL.Path != "/" {
						return false
					}
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return true
					}
					defer conn.Close()
					do(conn)
					return true
				}
				j := buying()
				j.Setup[0].HTTP.Within, j.Steps[0].HTTP.Within, j.Steps[1].HTTP.Within = time.Second, time.Second, time.Second
				if name == "silent" || strings.HasPrefix(name, "slow") {
					j.Setup[0].HTTP.Within, j.Steps[0].HTTP.Within, j.Steps[1].HTTP.Within = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
				}
				got := travel(t, journey.Config{}, checks.Spec{Journey: &j}, s.target())
				if got.Status != checks.Failed || !strings.Contains(got.Reason, "failed at "+step) || len(got.Reason) > 1000 {
					t.Errorf("got %s: %s\nwant failed at %s", got.Status, got.Reason, step)
				}
				if s.left() != 0 {
					t.Errorf("got %d orders left, want none", s.left())
				}
				s.Close()
			})
		}
	}
	goleak.VerifyNone(t, before)
}

package httpcheck_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

// hostile are servers that do all that a server should not, once a request has come.
var hostile = map[string]struct {
	do   func(net.Conn)
	said string
}{
	"closes at once":  {func(net.Conn) {}, "was not answered: "},
	"silent":          {untilGone, "was not answered within 200 ms"},
	"half-closed":     {func(c net.Conn) { c.(*net.TCPConn).CloseWrite(); untilGone(c) }, "was not answered: "},
	"slow headers":    {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: "); untilGone(c) }, "was not answered within 200 ms"},
	"slow body":       {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"); untilGone(c) }, "answered 200, but its body did not end within 200 ms"},
	"a body cut off":  {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{") }, "its body broke off"},
	"an endless body": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); again(c, strings.Repeat("a", 4096)) }, "the body is more than 1 MiB"},
	"endless headers": {func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		again(c, "X-A: "+strings.Repeat("a", 4096)+"\r\n")
	}, "was not answered: "},
	"endless 1xx":        {func(c net.Conn) { again(c, "HTTP/1.1 103 Early Hints\r\n\r\n") }, "was not answered: "},
	"no HTTP":            {func(c net.Conn) { io.WriteString(c, "220 mail\r\n") }, "was not answered: "},
	"malformed JSON":     {answers("", `{"a":`), "fails: the body is no JSON: unexpected EOF"},
	"deep JSON":          {answers("", strings.Repeat("[", 100_000)), "fails: the body is no JSON: "},
	"two lengths":        {answers("Content-Length: 1\r\nContent-Length: 2\r\n", "{}"), "was not answered: "},
	"a gzip bomb":        {bomb, "the body is more than 1 MiB"},
	"gzip that is none":  {answers("Content-Encoding: gzip\r\n", "noise"), "its body broke off"},
	"a number too large": {answers("", `{"a":1e999}`), "is out of range"},
}

func untilGone(c net.Conn) { io.Copy(io.Discard, c) }

func again(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

func answers(headers, body string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+headers+"\r\n"+body)
	}
}

// bomb answers with 1 GiB of zeros in 1 MiB.
func bomb(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
	z, zeros := gzip.NewWriter(c), make([]byte, 1<<20)
	for range 1 << 10 {
		if _, err := z.Write(zeros); err != nil {
			return
		}
	}
	z.Close()
}

// TestHostileServers ensures that each is a finding in bounded time and memory, and
// that nothing is left running.
func TestHostileServers(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					r.Body.Close()
					c.do(conn)
				}
			}()
			h := checks.HTTP{URL: fmt.Sprintf("http://%s/x", l.Addr()), Assert: []string{`json.a == 1`}}
			if strings.Contains(c.said, "200 ms") {
				h.Within = 200 * time.Millisecond
			}
			got := httpcheck.New(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &h}, checks.Target{})
			l.Close()
			<-done
			if got.Status != checks.Failed || !strings.Contains(got.Reason, c.said) || len(got.Reason) > 800 {
				t.Errorf("got %s: %s\nwant failed: %s", got.Status, got.Reason, c.said)
			}
		})
	}
}

// Package hostile has servers that do all that a server should not, for tests of what
// talks to strangers. Only tests import it.
package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1" //nolint:gosec // WebSocket's handshake is defined by it (RFC 6455 §4.2.2)
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Server is a server that misbehaves.
type Server struct {
	Name string
	// Serve has one connection, which is closed after it.
	Serve func(net.Conn)
	// Waits says that it may never end by itself: whoever talks to it must give up.
	Waits bool
}

// Start listens on a free loopback port until the test ends, and returns the address. All
// connections are closed and served by then.
func Start(t testing.TB, s Server) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	StartOn(t, l, s)
	return l.Addr().String()
}

// StartOn is [Start] for a listener.
func StartOn(t testing.TB, l net.Listener, s Server) {
	t.Helper()
	var open sync.Map
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			serving.Go(func() {
				defer open.Delete(c)
				defer c.Close()
				s.Serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		serving.Wait()
	})
}

// Connections returns servers that misbehave before anything is asked.
func Connections() []Server {
	return []Server{
		{Name: "closes at once", Serve: func(net.Conn) {}},
		{Name: "resets", Serve: reset},
		{Name: "is silent", Serve: gone, Waits: true},
		{Name: "closes its half", Serve: func(c net.Conn) { half(c); gone(c) }, Waits: true},
		{Name: "speaks mail", Serve: says("220 mail ESMTP\r\n"), Waits: true},
		{Name: "babbles", Serve: func(c net.Conn) { again(c, strings.Repeat("\x00\xff\x16\x03", 1024)) }},
		{Name: "writes one endless line", Serve: func(c net.Conn) { again(c, strings.Repeat("a", 4096)) }},
	}
}

// HTTP returns servers that misbehave once a request has come.
func HTTP() []Server {
	all := []Server{
		{Name: "slow headers", Serve: says("HTTP/1.1 200 OK\r\nX-A: "), Waits: true},
		{Name: "slow body", Serve: says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), Waits: true},
		{Name: "a body cut off", Serve: writes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")},
		{Name: "an endless body", Serve: func(c net.Conn) { writes("HTTP/1.1 200 OK\r\n\r\n")(c); again(c, strings.Repeat("a", 4096)) }},
		{Name: "endless chunks", Serve: func(c net.Conn) {
			writes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")(c)
			again(c, "1\r\na\r\n")
		}, Waits: true},
		{Name: "endless headers", Serve: func(c net.Conn) {
			writes("HTTP/1.1 200 OK\r\n")(c)
			again(c, "X-A: "+strings.Repeat("a", 4096)+"\r\n")
		}},
		{Name: "endless 1xx", Serve: func(c net.Conn) { again(c, "HTTP/1.1 103 Early Hints\r\n\r\n") }},
		{Name: "no HTTP", Serve: writes("HTTQ/1.1 200\r\n\r\n")},
		{Name: "two lengths", Serve: answers("Content-Length: 1\r\nContent-Length: 2\r\n", "{}")},
		{Name: "a gzip bomb", Serve: bomb},
		{Name: "gzip that is none", Serve: answers("Content-Encoding: gzip\r\n", "noise")},
		{Name: "malformed JSON", Serve: answers("", `{"a":`)},
		{Name: "deep JSON", Serve: answers("", strings.Repeat("[", 100_000))},
		{Name: "redirects to itself", Serve: writes("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")},
		{Name: "redirects to credentials", Serve: writes("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")},
		{Name: "upgrades to nothing", Serve: says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), Waits: true},
	}
	return after(all, func(c net.Conn) bool {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
}

// WebSocket returns servers that misbehave after the upgrade.
func WebSocket() []Server {
	all := []Server{
		{Name: "a frame of 8 EiB", Serve: func(c net.Conn) {
			writes("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")(c)
			again(c, strings.Repeat("a", 4096))
		}},
		{Name: "a frame of a negative length", Serve: says("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), Waits: true},
		{Name: "a masked frame", Serve: says("\x81\x85\x01\x02\x03\x04hello"), Waits: true},
		{Name: "reserved bits", Serve: says("\xf1\x05hello"), Waits: true},
		{Name: "an unknown frame", Serve: says("\x83\x05hello"), Waits: true},
		{Name: "a large ping", Serve: says("\x89\x7e\x01\x00" + strings.Repeat("a", 256)), Waits: true},
		{Name: "endless pings", Serve: func(c net.Conn) { go gone(c); again(c, "\x89\x01a") }, Waits: true},
		{Name: "endless pieces", Serve: func(c net.Conn) { writes("\x01\x05hello")(c); again(c, "\x00\x05hello") }},
		{Name: "empty pieces", Serve: func(c net.Conn) { writes("\x01\x00")(c); again(c, "\x00\x00") }, Waits: true},
		{Name: "a close that is none", Serve: says("\x88\x02\x00\x01"), Waits: true},
		{Name: "half a frame", Serve: writes("\x81\x05he")},
	}
	return after(all, func(c net.Conn) bool {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return false
		}
		//nolint:gosec // it proves that the server read the request, and nothing else
		sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
		return err == nil
	})
}

// after lets servers begin once a client has done its part.
func after(all []Server, asked func(net.Conn) bool) []Server {
	for i := range all {
		do := all[i].Serve
		all[i].Serve = func(c net.Conn) {
			if asked(c) {
				do(c)
			}
		}
	}
	return all
}

// gone reads until the other side goes away.
func gone(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

func half(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}

// again writes a text until the other side goes away.
func again(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// writes writes a text and ends.
func writes(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// says writes a text and waits.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := io.WriteString(c, text); err == nil {
			gone(c)
		}
	}
}

func answers(headers, body string) func(net.Conn) {
	return writes("HTTP/1.1 200 OK\r\nConnection: close\r\n" + headers + "\r\n" + body)
}

// bomb answers with 1 GiB of zeros in 1 MiB.
func bomb(c net.Conn) {
	writes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")(c)
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 4<<20))
	_ = z.Close()
	for range 256 { // a gzip file may have many members
		if _, err := c.Write(member.Bytes()); err != nil {
			return
		}
	}
}

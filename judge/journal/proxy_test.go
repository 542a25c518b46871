package journal_test

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// fate is what a proxy does to the next commit.
type fate struct {
	arrives  bool // it reaches the server, and the answer is lost; otherwise it is lost itself
	away     bool // and nobody is let through any more
	announce bool // it is an announcement's (for the test alone)
}

// proxy stands before a PostgreSQL and cuts a connection at a commit.
type proxy struct {
	url, socket string

	mu   sync.Mutex
	next *fate
	away bool
	cuts int
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "serin-px-") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	q := u.Query()
	p := &proxy{socket: filepath.Join(q.Get("host"), ".s.PGSQL.5432")}
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	p.url = u.String()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) arm(f fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = &f
}

func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// take returns the armed fate, once, where a message is a commit.
func (p *proxy) take(message []byte) *fate {
	if !bytes.HasPrefix(message, []byte("Q\x00\x00\x00\x0bcommit\x00")) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.next
	if f != nil {
		p.next, p.away = nil, f.away
		p.cuts++
	}
	return f
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	away := p.away
	p.mu.Unlock()
	server, err := net.Dial("unix", p.socket)
	if away || err != nil {
		return
	}
	defer server.Close()
	var (
		mute sync.Mutex
		lost bool
		done = make(chan struct{}, 1)
	)
	go func() { // from the server, unless it is to be lost
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			mute.Lock()
			quiet := lost
			mute.Unlock()
			if quiet {
				done <- struct{}{}
				return
			}
			if _, werr := client.Write(b[:n]); werr != nil || err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if f := p.take(b[:n]); f != nil {
			if f.arrives {
				mute.Lock()
				lost = true
				mute.Unlock()
				if _, err := server.Write(b[:n]); err == nil {
					<-done // the server has answered, so it has committed
				}
			}
			return
		}
		if _, werr := server.Write(b[:n]); werr != nil || err != nil {
			return
		}
	}
}

// tmpfs mounts a small file system for a test. Only root may; others skip.
func tmpfs(t *testing.T, size string) (dir string, remount func(options string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small file system")
	}
	dir, err := os.MkdirTemp("", "serin-fs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "serin-test", dir).CombinedOutput(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir, func(options string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 4<<10)
	for {
		if _, err := f.Write(b); err != nil {
			return nil // full
		}
	}
}

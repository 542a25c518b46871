package hostile_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/hostile"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http shows there, at length, what nobody had asked for
	goleak.VerifyTestMain(m)
}

// Bounds that hold for each check of each server.
const (
	longest = 30 * time.Second // of a check that has 10 s, on a machine that does other things
	// largest is what may be allocated in all, server included: bodies are read up to 4 MiB
	// into a slice that grows.
	largest = 128 << 20
)

// TestEveryKindMeetsEveryServer ensures that each is a finding in bounded time and memory,
// in a sentence without control characters, and that nothing is left running or open.
func TestEveryKindMeetsEveryServer(t *testing.T) {
	before := files(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			for _, s := range append(hostile.Connections(), k.meets()...) {
				t.Run(s.Name, func(t *testing.T) {
					within := 10 * time.Second
					if s.Waits || k.name == "load" {
						within = 150 * time.Millisecond
					}
					at := hostile.Start(t, s)
					meet(t, k.spec(at, within), at)
				})
			}
		})
	}
	awaitFiles(t, before)
}

// meet runs a check and holds the result against what every one must be.
func meet(t *testing.T, spec checks.Spec, at string) checks.Result {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	allocated := m.TotalAlloc
	arm := checks.Arm{URL: "http://" + at}
	done := make(chan checks.Result, 1)
	go func() {
		done <- runners(nil, nil).Run(t.Context(), spec, checks.Target{Canary: arm, Baseline: arm})
	}()
	var got checks.Result
	select {
	case got = <-done:
	case <-time.After(longest):
		t.Fatalf("no result within %s", longest)
	}
	runtime.ReadMemStats(&m)
	most := uint64(largest)
	if spec.Load != nil {
		most *= 16 // of some hundred answers
	}
	if n := m.TotalAlloc - allocated; n > most {
		t.Errorf("got %d MiB allocated, want at most %d", n>>20, most>>20)
	}
	t.Logf("%s: %s", got.Status, got.Reason)
	switch {
	case got.Status == checks.Passed:
		t.Errorf("got it passed: %s", got.Reason)
	case got.Status == checks.Measured: // a load says nothing by itself
	case got.Reason == "" || len(got.Reason) > 1500 || strings.Contains(got.Reason, "defect"):
		t.Errorf("got %d bytes of reason, want a sentence: %s", len(got.Reason), got.Reason)
	case strings.ContainsFunc(got.Reason, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }):
		t.Errorf("got control characters: %q", got.Reason)
	}
	return got
}

// files counts what this process has open.
func files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd here")
	}
	return len(all)
}

// awaitFiles waits until no more is open than before.
func awaitFiles(t *testing.T, before int) {
	t.Helper()
	now := 0
	for range 500 {
		if now = files(t); now <= before {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Errorf("got %d files open, want %d as before", now, before)
}

// TestFindings ensures that what the worst say is said, and not only that it fails.
func TestFindings(t *testing.T) {
	of := map[string]kind{}
	for _, k := range kinds() {
		of[k.name] = k
	}
	for _, c := range []struct{ kind, server, said string }{
		{"http", "is silent", "failed: GET /x was not answered within 300 ms"},
		{"http", "a gzip bomb", "failed: GET /x answered 200 in "},
		{"http", "redirects to credentials", "a redirect to another host (169.254.169.254), which is not followed"},
		{"journey", "is silent", "failed: "},
		{"tcp", "writes one endless line", "nothing in the first 4 KiB matches the banner"},
		{"tls", "speaks mail", "failed: "},
		{"grpc health", "speaks mail", "failed: "},
		{"grpc health", "is silent", "was not answered: it took longer than it may"},
		{"grpc health", "settings and silence", "was not answered: it took longer than it may"},
		{"grpc health", "a message of 4 GiB", "larger than max"},
		{"grpc health", "a compressed message", "compressed flag set with identity"},
		{"grpc health", "a header bomb", "failed: "},
		{"grpc health", "no gRPC", "unexpected content-type"},
		{"grpc method", "resets the stream", "failed: "},
		{"websocket", "a frame of 8 EiB", "a message is more than 64 KiB"},
		{"websocket", "endless pieces", "a message is more than 64 KiB"},
		{"websocket", "reserved bits", "was opened, but said nothing: "},
		{"websocket", "upgrades to nothing", "was answered 101, but not as an upgrade must be"},
		{"http", "upgrades to nothing", "the answer was 101, which switches to another protocol that nobody asked for"},
		{"prometheus", "upgrades to nothing", "broken: "},
		{"websocket", "endless pings", "was opened, but said nothing: it took longer than it may"},
		{"websocket", "redirects to credentials", "was answered 302 and not 101"},
		{"logs of a text", "a gzip bomb", "has at least "},
		{"logs of a text", "redirects to credentials", "answered 302, want 200"},
		{"logs of a Loki", "a gzip bomb", "broken: logs {a=\"b\"} was not counted: Loki answered with more than 4 MiB"},
		{"logs of a Loki", "malformed JSON", "Loki's answer cannot be read"},
		{"prometheus", "malformed JSON", "broken: PromQL up was not answered: source \"main\": malformed: "},
		{"prometheus", "is silent", "it took longer than it may"},
	} {
		t.Run(c.kind+": "+c.server, func(t *testing.T) {
			all := append(hostile.Connections(), of[c.kind].meets()...)
			i := slices.IndexFunc(all, func(s hostile.Server) bool { return s.Name == c.server })
			if i < 0 {
				t.Fatal("there is no such server")
			}
			s := all[i]
			within := 10 * time.Second
			if s.Waits && !strings.Contains(c.said, "larger") && !strings.Contains(c.said, "compressed") && !strings.Contains(c.said, "unexpected") {
				within = 300 * time.Millisecond
			}
			at := hostile.Start(t, s)
			got := meet(t, of[c.kind].spec(at, within), at)
			if text := fmt.Sprintf("%s: %s", got.Status, got.Reason); !strings.Contains(text, c.said) {
				t.Errorf("got %s\nwant %s", text, c.said)
			}
		})
	}
}

// TestCommands ensures that commands are bounded, too.
func TestCommands(t *testing.T) {
	before := files(t)
	for name, text := range map[string]string{
		"endless output":            "while :; do echo hello; done",
		"one endless line":          "while :; do printf aaaaaaaaaaaaaaaaaaaaaaaa; done",
		"it ignores being asked":    "trap '' TERM INT HUP; while :; do sleep 1; done",
		"it has children":           "for i in 1 2 3; do sleep 600 & done; wait",
		"it closes all that it has": "exec >&- 2>&- <&-; sleep 600",
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			meet(t, checks.Spec{Exec: &checks.Exec{Command: []string{"/bin/sh", "-c", text}, Within: 300 * time.Millisecond}}, "")
		})
	}
	awaitFiles(t, before)
}

// TestResolvers ensures that a resolver is a stranger, too.
func TestResolvers(t *testing.T) {
	before := files(t)
	for name, reply := range map[string]func(q []byte) []byte{
		"is silent":    func([]byte) []byte { return nil },
		"babbles":      func([]byte) []byte { return []byte(strings.Repeat("\xff", 1400)) },
		"says nothing": func([]byte) []byte { return []byte{} },
		"another ID":   func(q []byte) []byte { return append([]byte{q[0] + 1, q[1], 0x81, 0x80}, q[4:]...) },
		"points to itself": func(q []byte) []byte {
			out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, q[12:]...)
			return append(out, 0xc0, byte(len(out)))
		},
		"many answers, none there": func(q []byte) []byte {
			return append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0}, q[12:]...)
		},
		"truncated for ever": func(q []byte) []byte {
			return append([]byte{q[0], q[1], 0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:]...)
		},
		"refuses": func(q []byte) []byte {
			return append([]byte{q[0], q[1], 0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				buf := make([]byte, 1500)
				for {
					n, from, err := c.ReadFrom(buf)
					if err != nil {
						return
					}
					if answer := reply(buf[:n:n]); n > 12 && answer != nil {
						c.WriteTo(answer, from)
					}
				}
			}()
			meet(t, checks.Spec{DNS: &checks.DNS{Name: "shop.test", Type: "A", Resolver: c.LocalAddr().String(), Within: 300 * time.Millisecond}}, "")
			c.Close()
			<-done
		})
	}
	awaitFiles(t, before)
}

package dnscheck_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/dnscheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The types of records (RFC 1035 §3.2.2, RFC 3596).
const (
	typeA     = 1
	typeCNAME = 5
	typeTXT   = 16
	typeAAAA  = 28
)

type record struct {
	kind uint16
	data string
}

// wireName writes a name as labels (RFC 1035 §3.1).
func wireName(name string) string {
	var b strings.Builder
	for label := range strings.SplitSeq(name, ".") {
		b.WriteByte(byte(len(label)))
		b.WriteString(label)
	}
	return b.String() + "\x00"
}

// reply answers a question with records of its own type. Names end at the first zero
// byte, since questions are not compressed.
func reply(q []byte, rcode byte, all []record) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	asked := binary.BigEndian.Uint16(question[len(question)-4:])
	out := append([]byte{q[0], q[1], 0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	n := uint16(0)
	for _, r := range all {
		if r.kind != asked && r.kind != typeCNAME {
			continue
		}
		n++
		owner := "\xc0\x0c"
		if r.kind != typeCNAME && all[0].kind == typeCNAME {
			owner = all[0].data
		}
		out = append(out, owner...)
		out = append(out, byte(r.kind>>8), byte(r.kind), 0, 1, 0, 0, 0, 1, byte(len(r.data)>>8), byte(len(r.data)))
		out = append(out, r.data...)
	}
	binary.BigEndian.PutUint16(out[6:], n)
	return out
}

// serve is a resolver that answers each question as do says; nil is silence.
func serve(t *testing.T, do func(q []byte) []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := do(buf[:n]); a != nil {
				c.WriteTo(a, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func run(t *testing.T, cfg dnscheck.Config, c checks.DNS) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 20 * time.Second
	}
	return dnscheck.New(cfg).Run(t.Context(), checks.Spec{DNS: &c}, checks.Target{Service: "shop"})
}

func TestAnswers(t *testing.T) {
	a1, a2 := record{typeA, "\xc0\x00\x02\x0a"}, record{typeA, "\xc0\x00\x02\x0b"}
	aaaa := record{typeAAAA, "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01"}
	for name, c := range map[string]struct {
		records []record
		rcode   byte
		check   checks.DNS
		status  checks.Status
		said    string
	}{
		"the set, in any order": {[]record{a1, a2}, 0, checks.DNS{Type: "A", Want: []string{"192.0.2.11", "192.0.2.10"}}, checks.Passed, "DNS A shop.test is 192.0.2.10, 192.0.2.11, answered in "},
		"one is missing":        {[]record{a1}, 0, checks.DNS{Type: "A", Want: []string{"192.0.2.10", "192.0.2.11"}}, checks.Failed, "is 192.0.2.10, want 192.0.2.10, 192.0.2.11"},
		"one too many":          {[]record{a1, a2}, 0, checks.DNS{Type: "A", Want: []string{"192.0.2.10"}}, checks.Failed, "want 192.0.2.10"},
		"too few":               {[]record{a1, a1}, 0, checks.DNS{Type: "A", AtLeast: 2}, checks.Failed, "has 1 answers, want at least 2"},
		"IPv6":                  {[]record{aaaa}, 0, checks.DNS{Type: "AAAA", Want: []string{"2001:db8:0::1"}}, checks.Passed, "is 2001:db8::1"},
		"text":                  {[]record{{typeTXT, "\x05v=one"}}, 0, checks.DNS{Type: "TXT", Want: []string{"v=one"}}, checks.Passed, "is v=one"},
		"another name":          {[]record{{typeCNAME, wireName("real.test")}, a1}, 0, checks.DNS{Type: "CNAME", Want: []string{"Real.test."}}, checks.Passed, "is real.test"},
		"no other name":         {[]record{a1}, 0, checks.DNS{Type: "CNAME"}, checks.Failed, "has no answer"},
		"no such name":          {nil, 3, checks.DNS{Type: "A"}, checks.Failed, "has no answer"},
		"nothing of the type":   {nil, 0, checks.DNS{Type: "A"}, checks.Failed, "has no answer"},
		"the server fails":      {nil, 2, checks.DNS{Type: "A"}, checks.Failed, "was not answered by 127.0.0.1:"},
		"no such type":          {nil, 0, checks.DNS{Type: "MX"}, checks.Failed, "write A, AAAA, CNAME or TXT"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Name = "{{ .Service }}.test"
			c.check.Resolver = serve(t, func(q []byte) []byte { return reply(q, c.rcode, c.records) })
			got := run(t, dnscheck.Config{}, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestResolversThatAreNone(t *testing.T) {
	for name, do := range map[string]func(q []byte) []byte{
		"silent":  func([]byte) []byte { return nil },
		"noise":   func([]byte) []byte { return []byte("noise") },
		"echoes":  func(q []byte) []byte { return q },
		"too far": func(q []byte) []byte { return append(reply(q, 0, nil)[:7], 255, 255, 255, 255, 255) },
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, dnscheck.Config{}, checks.DNS{Name: "shop.test", Type: "A", Resolver: serve(t, do), Within: 200 * time.Millisecond})
			if got.Status != checks.Failed {
				t.Errorf("got %s: %s, want it failed", got.Status, got.Reason)
			}
		})
	}
}

// TestNamesTheResolver ensures that the one that was asked is named, and no other.
func TestNamesTheResolver(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	listener.Close() // nobody is there, over UDP either
	got := run(t, dnscheck.Config{}, checks.DNS{Name: "shop.test", Type: "A", Resolver: at, Within: time.Minute})
	if got.Status != checks.Failed || !strings.Contains(got.Reason, "DNS A shop.test was not answered by "+at+": ") || strings.Contains(got.Reason, " on ") {
		t.Errorf("got %s: %s, want it failed by %s alone", got.Status, got.Reason, at)
	}
}

// TestGuard ensures that a resolver that a plan names is asked for at the guard.
func TestGuard(t *testing.T) {
	cfg := dnscheck.Config{Guard: func(netip.AddrPort) error { return errors.New("not there") }}
	at := serve(t, func(q []byte) []byte { return reply(q, 0, []record{{typeA, "\x01\x01\x01\x01"}}) })
	if got := run(t, cfg, checks.DNS{Name: "shop.test", Type: "A", Resolver: at}); got.Status != checks.Broken || !strings.Contains(got.Reason, "not there") {
		t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
	}
	if got := run(t, cfg, checks.DNS{Name: ".", Type: "A"}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of no name, want it broken", got.Status, got.Reason)
	}
}

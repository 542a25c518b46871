package prometheus

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hijacked answers by hand, byte for byte.
func hijacked(h func(c net.Conn, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		h(c, r)
	}
}

// untilGone waits until the client hangs up, which a server sees only once it has
// read the request.
func untilGone(r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// endless writes parts until the client hangs up, and counts what it took.
func endless(taken *atomic.Int64, head, part string) http.HandlerFunc {
	part = strings.Repeat(part, max(1, 4096/len(part)))
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, head)
		for err == nil && taken.Load() < 50<<20 {
			var n int
			n, err = io.WriteString(w, part)
			taken.Add(int64(n))
		}
	}
}

const (
	headOfSeries = `{"status":"success","data":{"resultType":"matrix","result":[`
	oneSeries    = `{"metric":{"pod":"a"},"values":[[1700000000,"1"]]},`
	headOfPoints = headOfSeries + `{"metric":{"pod":"a"},"values":[`
	onePoint     = `[1700000000,"1"],`
)

// TestHostile has a server that does everything that a server should not. Each
// error says what happened, whose fault it is and nothing secret; what is read is
// bounded; no goroutine stays behind (TestMain).
func TestHostile(t *testing.T) {
	for name, tt := range map[string]struct {
		h     http.HandlerFunc
		limit Limits
		want  queries.Fault
		says  string
	}{
		"slow": {h: func(_ http.ResponseWriter, r *http.Request) { untilGone(r) },
			want: queries.Unavailable, says: "did not answer in time"},
		"a drip": {h: func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, answer[:1])
			http.NewResponseController(w).Flush()
			untilGone(r)
		}, want: queries.Unavailable, says: "did not answer in time"},
		"reset at once": {h: hijacked(func(c net.Conn, _ *http.Request) { c.(*net.TCPConn).SetLinger(0) }),
			want: queries.Unavailable, says: "cannot be reached"},
		"reset in the body": {h: hijacked(func(c net.Conn, _ *http.Request) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n%s", answer[:20])
			bufio.NewReader(c).ReadByte() // the client hangs up
		}), want: queries.Unavailable, says: "did not answer in time"},
		"truncated": {h: hijacked(func(c net.Conn, _ *http.Request) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n%s\r\n", answer[:20])
		}), want: queries.Unavailable, says: "broke off: unexpected EOF"},
		"no HTTP": {h: hijacked(func(c net.Conn, _ *http.Request) { io.WriteString(c, "+OK hello\r\n\r\n") }),
			want: queries.Unavailable, says: "malformed HTTP"},
		"endless headers": {h: hijacked(func(c net.Conn, _ *http.Request) {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = io.WriteString(c, "X-More: "+strings.Repeat("x", 4096)+"\r\n")
			}
		}), want: queries.Unavailable, says: "header"},
		"no gzip": {h: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, answer)
		}, want: queries.Unavailable, says: "broke off: gzip"},
		"a gzip bomb": {h: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 50 {
				z.Write(make([]byte, 1<<20))
			}
			z.Close()
		}, want: queries.Rejected, says: "larger than 16 MiB"},
		"nested": {h: endless(new(atomic.Int64), "", "["), want: queries.Rejected, says: "nested more than 64 deep"},
		"one huge label": {h: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, headOfSeries+`{"metric":{"pod":"`+strings.Repeat(`\"`, maxText)+`"},"values":[]}]}}`)
		}, want: queries.Rejected, says: "a text of more than 64 KiB"},
		"many series": {h: endless(new(atomic.Int64), headOfSeries, oneSeries), limit: Limits{Series: 100},
			want: queries.Rejected, says: "more than 100 series; narrow the query to fewer series, or raise limits.answer.series"},
		"many points": {h: endless(new(atomic.Int64), headOfPoints, onePoint), limit: Limits{Points: 1000},
			want: queries.Rejected, says: "more than 1000 points"},
		"throttled": {h: pauses(429, "7"), want: queries.Throttled, says: "less often (429)"},
		"overloaded": {h: pauses(503, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)),
			want: queries.Unavailable, says: "503"},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, tt.h, func(c *Config) {
				c.Timeout, c.Limits = time.Minute, tt.limit
				c.Username, c.PasswordFile = "serin", write(t, "password", password)
				c.URL += "/" + apiKey
				if tt.says == "did not answer in time" {
					c.Timeout = 300 * time.Millisecond
				}
			})
			m, _, err := s.Range(context.Background(), "up", grid)
			faulty(t, err, tt.want, tt.says)
			clean(t, err)
			if m != nil {
				t.Errorf("got %d series beside the error", len(m))
			}
		})
	}
}

func pauses(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 0 ": 0, "-3": 0, "": 0, "soon": 0, "99999999": time.Hour,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "Sun, 01 Mar 2099 12:00:30 GMT": time.Hour,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	for status, want := range map[int]time.Duration{429: 7 * time.Second, 503: 7 * time.Second, 500: 0, 400: 0} {
		s := source(t, pauses(status, "7"))
		_, _, err := s.Range(context.Background(), "up", grid)
		var e *queries.Error
		if !errors.As(err, &e) || e.RetryAfter != want {
			t.Errorf("%d: got %v to be left alone for, want %v", status, e, want)
		}
	}
}

// TestFiftyMegabytes: an answer of 50 MB is cut while it is read. The server gets
// rid of little more than the limit, and the memory that the question takes is
// bounded by it too, with a wide margin.
func TestFiftyMegabytes(t *testing.T) {
	var taken atomic.Int64
	s := source(t, endless(&taken, headOfPoints, `[1700000000,"123456789.123456789"],`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := s.Range(context.Background(), "up", grid)
	runtime.ReadMemStats(&after)
	faulty(t, err, queries.Rejected, "raise limits.answer")
	if !errors.Is(err, promql.ErrTooLarge) {
		t.Errorf("got %v, want it to be promql.ErrTooLarge", err)
	}
	if got := taken.Load(); got > 32<<20 {
		t.Errorf("the server sent %d MiB, want it to be cut off after about 16", got>>20)
	}
	if got := s.BytesRead(); got < 1<<20 || got > 32<<20 {
		t.Errorf("got %d bytes counted, want those that were read", got)
	}
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 160 {
		t.Errorf("the question took %d MiB, want at most 10 times its limit", got)
	}
}

func TestMeter(t *testing.T) {
	for _, tt := range []struct {
		text   string
		limits Limits
		says   string
	}{
		{"abc", Limits{Bytes: 4}, ""},
		{"abcd", Limits{Bytes: 4}, ""},
		{"abcde", Limits{Bytes: 4}, "larger than"},
		{headOfSeries + oneSeries + oneSeries, Limits{Series: 2}, ""},
		{headOfSeries + oneSeries + oneSeries, Limits{Series: 1}, "1 series"},
		{headOfPoints + onePoint + onePoint, Limits{Points: 2}, ""},
		{headOfPoints + onePoint + onePoint, Limits{Points: 1}, "1 points"},
		{`{"data":{"result":[{"metric":{"a":"{[[[[[[{{{{{\"[[["}}]}}`, Limits{Points: 1, Series: 1}, ""},
		{`{"data":{"result":[{"histograms":[[1,{"buckets":[[0,"1","2","3"],[0,"1","2","3"]]}]]}]}}`, Limits{Points: 1, Series: 1}, ""},
	} {
		for _, step := range []int{1, 7, 1000} { // a body comes in any parts
			m := &meter{ReadCloser: io.NopCloser(inParts{strings.NewReader(tt.text), step}), limits: tt.limits.withDefaults(), total: new(atomic.Uint64)}
			_, err := io.ReadAll(m)
			if tt.says == "" && err != nil || tt.says != "" && (!errors.Is(err, promql.ErrTooLarge) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%s by %d: got %v, want %q", tt.text, step, err, tt.says)
			}
		}
	}
}

// inParts reads at most n bytes at a time.
type inParts struct {
	io.Reader
	n int
}

func (r inParts) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), r.n)]) }

// BenchmarkMeter is what measuring costs beside reading.
func BenchmarkMeter(b *testing.B) {
	body := headOfPoints + strings.Repeat(onePoint, 50_000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		m := &meter{ReadCloser: io.NopCloser(strings.NewReader(body)), limits: Limits{}.withDefaults(), total: new(atomic.Uint64)}
		if _, err := io.Copy(io.Discard, m); err != nil {
			b.Fatal(err)
		}
	}
}

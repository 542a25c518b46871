package store

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

func TestSecret(t *testing.T) {
	file := func(text string) Secret {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Secret("file:" + path)
	}
	t.Setenv("STORE_SECRET", " from-the-environment\n")
	for _, tt := range []struct {
		secret     Secret
		want, says string
	}{
		{"env:STORE_SECRET", "from-the-environment", ""},
		{file("from-a-file\n"), "from-a-file", ""},
		{file(""), "", "is empty"},
		{file("one\ntwo\n"), "", "more than one line"},
		{"file:/does/not/exist", "", "cannot be read"},
		{"env:STORE_NOT_SET", "", "env:STORE_NOT_SET is empty"},
		{"0123456789abcdef", "", "never the secret itself"},
		{"env:", "", "write file:PATH or env:NAME"},
		{"vault:kv/a", "", "write file:PATH or env:NAME"},
	} {
		got, err := tt.secret.Read()
		if got != tt.want || (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "0123456789")) {
			t.Errorf("%s: got %q, %v, want %q, %q", tt.secret, got, err, tt.want, tt.says)
		}
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"key abcdefgh is bad\n again abcdefgh": "key *** is bad again ***",
		"GET https://user:pass@host/x failed":  "GET https://***@host/x failed",
		"an ab is no secret":                   "an ab is no secret",
	} {
		if got := Redact(text, "abcdefgh", "ab"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Redact(strings.Repeat("é", 1000)); len([]rune(got)) != 301 {
		t.Errorf("got %d characters, want 300 and a mark", len([]rune(got)))
	}
}

func TestAnswered(t *testing.T) {
	for status := 200; status < 600; status++ {
		r := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"5"}}}
		e := Answered("s", r, "why, token-12345", "token-12345")
		if status < 300 {
			if e != nil {
				t.Errorf("%d: got %v, want none", status, e)
			}
			continue
		}
		want, after := queries.Rejected, time.Duration(0)
		switch {
		case status == 429:
			want, after = queries.Throttled, 5*time.Second
		case status == 503:
			want, after = queries.Unavailable, 5*time.Second
		case status >= 500 || status == 408:
			want = queries.Unavailable
		}
		if e == nil || e.Fault != want || e.RetryAfter != after || strings.Contains(e.Error(), "12345") || status >= 400 && !strings.Contains(e.Text, "why, ***") {
			t.Errorf("%d: got %+v, want %s after %v, in the store's words without the token", status, e, want, after)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	later := time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name, value string
		low, high   time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second, 7 * time.Second},
		{"X-RateLimit-Reset", "1.5", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"Retry-After", "999999", time.Hour, time.Hour},
		{"Retry-After", "-3", 0, 0},
		{"Retry-After", "soon", 0, 0},
		{"Retry-After", later, 5 * time.Minute, 10 * time.Minute},
	} {
		h := http.Header{}
		h.Set(tt.name, tt.value)
		if got := RetryAfter(h); got < tt.low || got > tt.high {
			t.Errorf("%s: %s: got %v, want %v to %v", tt.name, tt.value, got, tt.low, tt.high)
		}
	}
}

func TestClient(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/long":
			chunk := make([]byte, 1<<20)
			for range MaxAnswer>>20 + 2 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		default:
			fmt.Fprint(w, "hello")
		}
	}))
	defer h.Close()
	get := func(c *http.Client, path string) (int, string, error) {
		resp, err := c.Get(h.URL + path)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		b, err := ReadAnswer(resp)
		return resp.StatusCode, string(b), err
	}
	c := NewClient(time.Minute, nil)
	if code, body, err := get(c, "/"); code != 200 || body != "hello" || err != nil {
		t.Errorf("got %d %q, %v", code, body, err)
	}
	if code, _, err := get(c, "/redirect"); code != http.StatusFound || err != nil {
		t.Errorf("got %d, %v, want the redirect itself", code, err)
	}
	_, _, err := get(c, "/long")
	if e := new(queries.Error); !errors.Is(err, ErrTooLarge) || !errors.As(Unreached("s", time.Minute, err), &e) || e.Fault != queries.Rejected {
		t.Errorf("got %v, want an answer that is too long refused", err)
	}
	guarded := NewClient(time.Minute, func(to netip.AddrPort) error { return fmt.Errorf("%s is refused", to.Addr()) })
	_, _, err = get(guarded, "/?token=secret-in-a-url")
	if err = Unreached("s", time.Minute, err); !strings.Contains(err.Error(), "127.0.0.1 is refused") || strings.Contains(err.Error(), "secret-in-a-url") {
		t.Errorf("got %v, want the guard's words without the URL", err)
	}
}

package httpcheck_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

// TestEchoesAreHidden ensures that what a check sends as a credential is in no excerpt of
// an unexpected answer, also in base64, and that short words under such a name do not
// make sentences unreadable.
func TestEchoesAreHidden(t *testing.T) {
	const key = "open-sesame-of-the-shop"
	for name, c := range map[string]struct {
		header, value, body string
		says, never         string
	}{
		"as it is":     {"X-Api-Key", key, "no " + key, `want 200; it says "no (hidden)"`, "sesame"},
		"in base64":    {"X-Api-Key", key, "no " + base64.StdEncoding.EncodeToString([]byte("k="+key)), `want 200; it says "no `, base64.StdEncoding.EncodeToString([]byte("k=" + key))[4:16]},
		"cut":          {"X-Api-Key", key, strings.Repeat("a", 110) + " " + key, "(hidden)", "open-s"},
		"a short word": {"X-Auth-Mode", "GET", "GET is no mode", "GET /x answered 500 in ", "(hidden)"},
		"a control":    {"A", "b", "\x1b[31mred\x00\nline", `it says "[31mred line"`, "\x1b"},
		"nothing":      {"A", "b", "\x00\x01", "want 200", "it says"},
	} {
		target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, c.body)
		})
		h := checks.HTTP{URL: "{{ .Canary.URL }}/x", Headers: map[string]string{c.header: c.value}}
		got := checks.Kinds{"http": httpcheck.New(httpcheck.Config{})}.Run(t.Context(), checks.Spec{HTTP: &h}, target)
		if got.Status != checks.Failed || !strings.Contains(got.Reason, c.says) || strings.Contains(got.Reason, c.never) {
			t.Errorf("%s: got %s: %s\nwant it to say %q and never %q", name, got.Status, got.Reason, c.says, c.never)
		}
	}
}

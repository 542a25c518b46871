package httpcheck_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

// TestCompression ensures that a compressed answer is read as it is meant, and that a check
// can ask for compression itself and assert that there is one.
func TestCompression(t *testing.T) {
	compressing := func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.URL.Path == "/plain" {
			io.WriteString(w, `{"status":"ok"}`)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"status":"ok"}`)
		z.Close()
	}
	asked := map[string]string{"Accept-Encoding": "gzip"}
	for name, c := range map[string]struct {
		check  checks.HTTP
		status checks.Status
		said   string
	}{
		"read as it is meant": {checks.HTTP{URL: "{{ .Canary.URL }}/", JSON: map[string]any{"status": "ok"}}, checks.Passed, "with the JSON that is wanted"},
		"asserted":            {checks.HTTP{URL: "{{ .Canary.URL }}/", Headers: asked, Assert: []string{`headers["content-encoding"] == "gzip"`}}, checks.Passed, "answered 200"},
		"none":                {checks.HTTP{URL: "{{ .Canary.URL }}/plain", Headers: asked, Assert: []string{`headers["content-encoding"] == "gzip"`}}, checks.Failed, "the answer has no header content-encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &c.check}, serve(t, compressing))
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

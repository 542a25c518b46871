package webhooks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// quick is a judge that costs nothing: what is measured is the webhook.
type quick struct{ verdict judge.Verdict }

func (q quick) Decide(_ context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	v := q.verdict
	v.Rollout, v.At = r, now
	return v, nil
}

// BenchmarkWebhook is one answer to a live rollout, the journal being a file.
func BenchmarkWebhook(b *testing.B) {
	for name, req := range map[string]struct{ path, body string }{
		"flagger": {"/flagger/rollout", `{"name":"checkout","namespace":"shop","phase":"Progressing","checksum":"5d59f87694","metadata":{"plan":"shop"}}`},
		"argo":    {"/argo/analysis", argoArgs(map[string]any{"gate": "guard"})},
		"event":   {"/flagger/event", `{"name":"checkout","namespace":"shop","phase":"Progressing","checksum":"5d59f87694","metadata":{"eventMessage":"Starting canary analysis for checkout.shop"}}`},
	} {
		b.Run(name, func(b *testing.B) {
			j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "serin.db"), journal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			s, err := New(Config{Judge: quick{judge.Verdict{Reason: "2 of 10 paired blocks"}}, Journal: j, Plans: testPlans(b)})
			if err != nil {
				b.Fatal(err)
			}
			local := context.WithValue(b.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, req.path, strings.NewReader(req.body)).WithContext(local)
				r.Host = "localhost"
				rec := httptest.NewRecorder()
				s.Handler().ServeHTTP(rec, r)
				if rec.Code != http.StatusOK {
					b.Fatalf("got %d %s, want 200", rec.Code, rec.Body)
				}
			}
		})
	}
}

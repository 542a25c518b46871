package discover

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// most is how many questions a search for a service may put to a store that has every
// family's metrics.
const most = 400

// TestASearchIsBounded counts what a search asks of a real server that has every family: only
// what reads, for names and series within an hour and up to a limit, and so many questions at
// most.
func TestASearchIsBounded(t *testing.T) {
	t.Parallel()
	proofs := presettest.Load(t, root)
	end := promtest.Epoch().Add(20 * time.Minute)
	server, err := url.Parse(promtest.Start(t, promtest.Config{History: presettest.History(t, proofs, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})}))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	reads := regexp.MustCompile(`^/api/v1/(query|query_range|series|labels|metadata|label/__name__/values|label/[a-z_]+/values)$`)
	proxy := httputil.NewSingleHostReverseProxy(server)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		if !reads.MatchString(r.URL.Path) {
			t.Errorf("it asked %s, which it has no need of", r.URL.Path)
		}
		if start := q.Get("start"); r.Method == http.MethodGet && r.URL.Path != "/api/v1/query" {
			if start == "" || q.Get("end") == "" {
				t.Errorf("it asked %s without a time", r.URL)
			}
			if q.Get("limit") == "" && r.URL.Path != "/api/v1/labels" {
				t.Errorf("it asked %s without a limit", r.URL)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	if _, err := Find(t.Context(), open(t, front.URL), Options{Service: "cart-istio", At: end}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, times := range asked {
		n += times
	}
	if n == 0 || n > most {
		t.Errorf("got %d questions (%v), want at most %d", n, asked, most)
	}
	t.Logf("%d questions: %v", n, asked)
}

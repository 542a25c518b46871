package faults

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const callbackSecret = "whsec_ZmF1bHRzLWZhdWx0cy1mYXVsdHMtZmF1bHRzLWZhdWw="

// receiver is told how rollouts end. It is slow and fails now and then, and it
// verifies, as docs/callbacks.md says.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	bodies  map[string]string // by webhook-id
	times   map[string]int
	luck    *rand.Rand
	arrived func() // may be nil
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, bodies: map[string]string{}, times: map[string]int{}, luck: rand.New(rand.NewPCG(1, 2))}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // its sender was killed
	}
	id := q.Header.Get("webhook-id")
	r.mu.Lock()
	arrived, luck := r.arrived, r.luck.IntN(8)
	switch before, again := r.bodies[id]; {
	case !genuine(q.Header, body):
		r.t.Errorf("callback %s: its signature is not Serin's", id)
	case again && before != string(body):
		r.t.Errorf("callback %s: got %s, and before %s", id, body, before)
	}
	r.bodies[id] = string(body)
	r.times[id]++
	r.mu.Unlock()
	if arrived != nil {
		arrived()
	}
	switch luck {
	case 0: // a kill may meet it here: it was heard, and its sender does not know
		select {
		case <-q.Context().Done():
		case <-time.After(300 * time.Millisecond):
		}
	case 1:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// heard returns the bodies by their IDs, and how many came more than once.
func (r *receiver) heard() (bodies map[string]string, more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bodies = map[string]string{}
	for id, b := range r.bodies {
		bodies[id] = b
		if r.times[id] > 1 {
			more++
		}
	}
	return bodies, more
}

// genuine verifies a signature of Standard Webhooks.
func genuine(h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(callbackSecret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	return hmac.Equal([]byte(h.Get("webhook-signature")), []byte("v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}

// asked reads the form of a question to a source, and returns its body for the next
// reader.
func asked(r *http.Request) (io.ReadCloser, url.Values) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return http.NoBody, nil
	}
	form, err := url.ParseQuery(string(b) + "&" + r.URL.RawQuery)
	if err != nil {
		form = nil
	}
	return io.NopCloser(bytes.NewReader(b)), form
}

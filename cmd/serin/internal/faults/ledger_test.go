package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// ledger is what callers were told, for good: what must be there afterwards,
// whatever happened in between.
type ledger struct {
	t     *testing.T
	event func() // called at each answer; may be nil

	mu       sync.Mutex
	rollouts map[string]string // revision by ID
	verdicts map[string][]byte // as told, by ID
	closed   map[string]bool

	broken atomic.Int64 // calls that got no answer
	shed   atomic.Int64 // calls that were told to come again
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, rollouts: map[string]string{}, verdicts: map[string][]byte{}, closed: map[string]bool{}}
}

// caller calls servers in turn, and calls again until it is answered.
type caller struct {
	ledger *ledger
	bases  []string
	client *http.Client
	next   atomic.Int64
}

func (l *ledger) caller(t *testing.T, servers ...*server) *caller {
	c := &caller{ledger: l, client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	for _, s := range servers {
		c.bases = append(c.bases, "http://"+s.addr)
	}
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

// call asks until there is an answer that is no 503, at most for patience. A 500
// would be a fault that nobody foresaw.
func (c *caller) call(method, path, body string) (code int, text []byte, err error) {
	return c.callWith(nil, method, path, body)
}

// callWith is call with headers.
func (c *caller) callWith(header http.Header, method, path, body string) (code int, text []byte, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		base := c.bases[int(c.next.Add(1))%len(c.bases)]
		code, text, err = c.once(header, method, base+path, body)
		switch {
		case err != nil:
			c.ledger.broken.Add(1)
		case code == http.StatusServiceUnavailable:
			c.ledger.shed.Add(1)
		default:
			if c.ledger.event != nil {
				c.ledger.event()
			}
			return code, text, nil
		}
	}
	return code, text, errors.Join(fmt.Errorf("%s %s: no answer in %s; the last was %d %.300s", method, path, patience, code, text), err)
}

func (c *caller) once(header http.Header, method, url, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(c.ledger.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(req.Header, header)
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.ContentLength >= 0 && int64(len(b)) != resp.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return resp.StatusCode, b, err
}

// announcement is what a caller announces.
type announcement struct {
	revision, plan, canary, callback string
	ago                              time.Duration // since the start
}

func (a announcement) body() string {
	started := ""
	if a.ago > 0 {
		started = fmt.Sprintf(`"started": %q,`, time.Now().Add(-a.ago).UTC().Format(time.RFC3339))
	}
	hook := ""
	if a.callback != "" {
		hook = fmt.Sprintf(`"callback_url": %q,`, a.callback)
	}
	return fmt.Sprintf(`{"service": "checkout", "namespace": %q, "revision": %q, "plan": %q, %s %s
		"baseline": {"workload": "%s-primary"}, "canary": {"workload": %q}}`, a.revision, a.revision, a.plan, started, hook, a.canary, a.canary)
}

// announce returns the rollout's ID.
func (c *caller) announce(a announcement) (string, error) {
	code, text, err := c.call(http.MethodPost, "/v1/rollouts", a.body())
	if err != nil {
		return "", err
	}
	var got struct {
		Rollout struct {
			ID       string `json:"id"`
			Revision string `json:"revision"`
		} `json:"rollout"`
	}
	if err := json.Unmarshal(text, &got); code/100 != 2 || err != nil || got.Rollout.Revision != a.revision {
		return "", errors.Join(fmt.Errorf("announce %s: got %d %.300s", a.revision, code, text), err)
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.rollouts[got.Rollout.ID] = a.revision
	return got.Rollout.ID, nil
}

// judge asks for a verdict and remembers it. Verdicts of one ID must be one verdict.
func (c *caller) judge(id string, final bool) (judge.Verdict, error) {
	var v judge.Verdict
	code, text, err := c.call(http.MethodPost, "/v1/rollouts/"+id+"/judge", fmt.Sprintf(`{"final": %t}`, final))
	if err != nil {
		return v, err
	}
	if code != http.StatusOK {
		return v, fmt.Errorf("judge %s: got %d %.300s", id, code, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("judge %s: %w in %.300s", id, err, text)
	}
	return v, c.ledger.told(v.ID, text)
}

// told remembers the bytes of a verdict in the journal's form, which escapes what
// HTML would read.
func (l *ledger) told(id string, text []byte) error {
	var b bytes.Buffer
	json.HTMLEscape(&b, bytes.TrimSpace(text))
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.verdicts[id]; ok && !bytes.Equal(was, b.Bytes()) {
		return fmt.Errorf("verdict %s was told as\n%s\nand then as\n%s", id, was, b.Bytes())
	}
	l.verdicts[id] = b.Bytes()
	return nil
}

// close ends a rollout.
func (c *caller) close(id string) error {
	code, text, err := c.call(http.MethodDelete, "/v1/rollouts/"+id, "")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("close %s: got %d %.300s", id, code, text)
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.closed[id] = true
	return nil
}

// live is the life of one rollout as its caller sees it: a bad canary is rolled back
// at the first look, a good one may be promoted.
func (c *caller) live(a announcement, looks int) error {
	id, err := c.announce(a)
	if err != nil {
		return err
	}
	want := map[string]judge.Outcome{"good": judge.Promote, "bad": judge.Rollback}[a.canary]
	for i := range looks {
		v, err := c.judge(id, i == looks-1)
		if err != nil {
			return err
		}
		if v.Outcome != want {
			return fmt.Errorf("rollout %s, a %s canary: got %s (%s), want %s", id, a.canary, v.Outcome, v.Reason, want)
		}
	}
	return c.close(id)
}

// crowd lives so many rollouts by so many callers at once.
func (c *caller) crowd(many, at int, of func(n int) announcement) {
	queue := make(chan int, many)
	for n := range many {
		queue <- n
	}
	close(queue)
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for n := range queue {
				if err := c.live(of(n), 3); err != nil {
					c.ledger.t.Error(err)
					if c.ledger.t.Context().Err() != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// ids returns the rollouts that were accepted.
func (l *ledger) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for id := range l.rollouts {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

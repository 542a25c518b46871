package datadog

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
)

// budget is what the organisation has left of its calls, as the headers of the last
// answer say.
type budget struct {
	reserve float64
	now     func() time.Time

	mu        sync.Mutex
	name      string
	limit     float64
	remaining float64
	reset     time.Time // when the calls are counted anew; zero: nothing is known
}

// learn reads the headers of an answer.
func (b *budget) learn(h http.Header) {
	number := func(name string) (float64, bool) {
		v, err := strconv.ParseFloat(h.Get(name), 64)
		return v, err == nil && v >= 0
	}
	limit, okLimit := number("X-RateLimit-Limit")
	remaining, okRemaining := number("X-RateLimit-Remaining")
	reset, okReset := number("X-RateLimit-Reset")
	if !okLimit || !okRemaining || !okReset {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name, b.limit, b.remaining = h.Get("X-RateLimit-Name"), limit, remaining
	b.reset = b.now().Add(time.Duration(min(reset, 24*3600) * float64(time.Second)))
}

// spend takes one call out of the budget, or says for how long there is none.
func (b *budget) spend(source string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.reset.IsZero() || !now.Before(b.reset) {
		b.reset = time.Time{}
		return nil
	}
	if b.remaining-1 < b.reserve*b.limit {
		what := "its rate limit"
		if b.name != "" {
			what = fmt.Sprintf("its rate limit %q", b.name)
		}
		return &queries.Error{
			Fault: queries.Throttled, Source: source, RetryAfter: b.reset.Sub(now),
			Text: fmt.Sprintf("%s has %.0f of %.0f calls left, and %.0f%% are reserved for others; nothing was asked, and nothing is until %s UTC",
				what, b.remaining, b.limit, 100*b.reserve, b.reset.UTC().Format("15:04:05")),
		}
	}
	b.remaining--
	return nil
}

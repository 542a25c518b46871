package webhooks

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Limits bound what callers may ask for. Zero fields mean the defaults.
type Limits struct {
	// Rate and Burst bound the API calls of one token, in calls per second and calls
	// at once (defaults 50 and 200).
	Rate  float64
	Burst int
	// Strangers and StrangersBurst bound what one address may try without an accepted
	// token (defaults 5 per second and 20 at once).
	Strangers      float64
	StrangersBurst int
	// Connections bounds the connections that are open at once (default 2048).
	Connections int
}

func (l Limits) withDefaults() Limits {
	if l.Rate == 0 {
		l.Rate = 50
	}
	if l.Burst == 0 {
		l.Burst = 200
	}
	if l.Strangers == 0 {
		l.Strangers = 5
	}
	if l.StrangersBurst == 0 {
		l.StrangersBurst = 20
	}
	if l.Connections == 0 {
		l.Connections = 2048
	}
	return l
}

// maxBuckets bounds the callers and addresses that are counted; the one that was
// quiet longest is forgotten first.
const maxBuckets = 4096

// rates count requests: of each token, and of each address without one.
//
// Controllers are never told to come back later. Flagger counts a 4xx as a failed
// check and loses the text of a 429; to Argo every status beside 2xx is an error of
// the measurement, and enough of them abort the rollout; Azure calls a check in
// callback mode once and never again; Spinnaker's stage fails. What protects the server
// from a controller that asks too often is the bound on its work, not a refusal.
type rates struct {
	limits Limits

	mu      sync.Mutex
	buckets map[string]*list.Element // of *bucket
	order   *list.List               // the one used last comes first
}

type bucket struct {
	key string
	*rate.Limiter
}

func newRates(l Limits) *rates {
	return &rates{limits: l, buckets: map[string]*list.Element{}, order: list.New()}
}

// caller counts a call of a known caller.
func (r *rates) caller(c echo.Context, w caller, now time.Time) error {
	if w.token == nil || !canWait(c.Request().URL.Path) {
		return nil
	}
	return r.take("token "+w.name(), rate.Limit(r.limits.Rate), r.limits.Burst, now)
}

// stranger counts a request without an accepted token.
func (r *rates) stranger(c echo.Context, now time.Time) error {
	err := r.take("address "+network(c.RealIP()), rate.Limit(r.limits.Strangers), r.limits.StrangersBurst, now)
	if err != nil && !canWait(c.Request().URL.Path) {
		return nil // it is refused in the dialect's own way
	}
	return err
}

// canWait reports whether who calls this path tries again after a 429.
func canWait(path string) bool {
	for _, controllers := range [...]string{"/flagger", "/argo", "/azure", kayentaPrefix, pathAlertmanager} {
		if within(path, controllers) {
			return false
		}
	}
	return true
}

// network returns what one host can be told apart by: its address, or the first 64
// bits of an IPv6 address, the rest of which it may choose.
func network(remote string) string {
	ip, err := netip.ParseAddr(remote)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// take takes one call out of a bucket, or says when there will be one.
func (r *rates) take(key string, limit rate.Limit, burst int, now time.Time) error {
	b := r.bucket(key, limit, burst)
	reserved := b.ReserveN(now, 1)
	wait := reserved.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reserved.CancelAt(now)
	return &HTTPError{
		Code: http.StatusTooManyRequests, Public: "too many requests", Next: "ask again after the time in Retry-After",
		RetryAfter: max(wait, time.Second).Truncate(time.Second),
	}
}

func (r *rates) bucket(key string, limit rate.Limit, burst int) *bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.buckets[key]; ok {
		r.order.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if len(r.buckets) >= maxBuckets {
		last := r.order.Back()
		delete(r.buckets, last.Value.(*bucket).key)
		r.order.Remove(last)
	}
	b := &bucket{key: key, Limiter: rate.NewLimiter(limit, burst)}
	r.buckets[key] = r.order.PushFront(b)
	return b
}

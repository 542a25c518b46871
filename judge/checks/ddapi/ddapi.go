// Package ddapi is what checks that ask Datadog's API have in common: where the keys come
// from, what a refusal says, and whether to ask again.
package ddapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// Keys gives the API key and the application key. It is asked at each run, so that keys
// that were changed are used at once. Its errors hold no part of a key.
type Keys func() (api, app string, err error)

// Pair are the two keys.
type Pair struct{ API, App string }

// Read gives the keys, and hides them in everything that the check says.
func (k Keys) Read(veil *checks.Veil) (Pair, error) {
	if k == nil {
		return Pair{}, errors.New("no keys of Datadog are configured; a server takes them from datadog: in its configuration, a command line from DD_API_KEY and DD_APP_KEY")
	}
	api, app, err := k()
	if err != nil {
		return Pair{}, fmt.Errorf("the keys of Datadog: %w", err)
	}
	if veil != nil {
		veil.Learn(api, app)
	}
	return Pair{api, app}, nil
}

// Refusal is an answer other than success.
type Refusal struct {
	Status int
	// After is for how long not to ask again, where the answer says so.
	After time.Duration
	// Said are Datadog's own words, already harmless to show.
	Said string
	// Denied and Absent are what to do about 401 and 403, and about 404.
	Denied, Absent string
}

// Error says what Datadog said, and what to do.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("Datadog answered %d", r.Status)
	if r.Said != "" {
		text += " (" + r.Said + ")"
	}
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += "; " + r.Denied
	case http.StatusNotFound:
		text += "; " + r.Absent
	case http.StatusTooManyRequests:
		text += "; the organisation's limit of calls is used up"
	}
	return text
}

// Unreached is a question that was not answered at all.
type Unreached struct{ Err error }

// Error is that of the cause.
func (u *Unreached) Error() string { return u.Err.Error() }

// Unwrap returns the cause.
func (u *Unreached) Unwrap() error { return u.Err }

// Again reports whether the same question may be answered later, and after how long.
func Again(err error) (after time.Duration, yes bool) {
	if refused := (*Refusal)(nil); errors.As(err, &refused) {
		return refused.After, refused.Status == http.StatusTooManyRequests || refused.Status >= 500
	}
	return 0, errors.As(err, new(*Unreached))
}

// Pause reads for how long Datadog wants to be left alone: under an hour, 0 where it does
// not say.
func Pause(h http.Header) time.Duration {
	for _, name := range []string{"X-RateLimit-Reset", "Retry-After"} {
		if n, err := strconv.ParseFloat(h.Get(name), 64); err == nil && n > 0 && n < 3600 {
			return time.Duration(n * float64(time.Second))
		}
	}
	return 0
}

package store

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// dateHolds is for how long the latest of the times that a server told is kept: each is
	// cut to a second and old by its way, so the latest is the nearest.
	dateHolds = 10 * time.Minute
	// dateServes is for how long it serves where no answer comes: clocks drift by less
	// than a second in that time.
	dateServes = time.Hour
)

// Clock is a server's time by the Date of its answers. It is behind the server's own by up
// to a second, which errs on the safe side: blocks close a little later. The zero
// Clock has seen no answer. It is safe for concurrent use.
type Clock struct {
	now func() time.Time // time.Now, but in tests

	mu       sync.Mutex
	there    time.Time // the server's, when it was measured
	measured time.Time // here; zero: never
}

// Watch reads the Date of all answers that a client gets from now on.
func (c *Clock) Watch(client *http.Client) { client.Transport = watched{client.Transport, c} }

// Ask returns the server's time. Only where no answer has come for an hour, ask is called
// to get one.
func (c *Clock) Ask(ctx context.Context, ask func(context.Context) error) (time.Time, error) {
	if at, ok := c.read(); ok {
		return at, nil
	}
	if err := ask(ctx); err != nil {
		return time.Time{}, err
	}
	at, ok := c.read()
	if !ok {
		return time.Time{}, errors.New("its answers have no Date that can be used")
	}
	return at, nil
}

func (c *Clock) read() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.time().Sub(c.measured)
	if c.measured.IsZero() || age > dateServes {
		return time.Time{}, false
	}
	return c.there.Add(age).UTC(), true
}

// see takes the Date of an answer. What a cache has kept is old, and what stands between may
// fail in the server's place.
func (c *Clock) see(r *http.Response) {
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || r.Header.Get("Age") != "" || r.StatusCode >= 500 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.time()
	if age := now.Sub(c.measured); c.measured.IsZero() || age > dateHolds || date.After(c.there.Add(age)) {
		c.there, c.measured = date, now
	}
}

func (c *Clock) time() time.Time {
	if c.now == nil {
		return time.Now()
	}
	return c.now()
}

type watched struct {
	next  http.RoundTripper
	clock *Clock
}

// RoundTrip implements http.RoundTripper.
func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err == nil {
		w.clock.see(resp)
	}
	return resp, err
}

// CloseIdleConnections lets http.Client reach the transport below.
func (w watched) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

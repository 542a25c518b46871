package reply

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// longestWait bounds what a receiver may ask for with Retry-After.
const longestWait = time.Hour

// RetryAfter reads a header of an answer: seconds, or a date; at most an hour. What
// is not there or cannot be read is 0.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestWait)
	}
	return 0
}

// Unreachable says why a request has no answer. The client's own text has the whole
// URL; this one has the host.
func Unreachable(r *http.Request, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("%s gave no answer: %w", r.URL.Host, err)
}

// Drain reads a little of an answer, so that its connection can be used again. What
// follows 101 is no body: it has no end, and no deadline of the request bounds it.
func Drain(answer *http.Response) {
	if answer.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.CopyN(io.Discard, answer.Body, 16<<10)
	}
}

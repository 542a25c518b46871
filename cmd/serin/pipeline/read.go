package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// Standing is a rollout as a server knows it.
type Standing struct {
	journal.Summary
	Unpublished []report.Unpublished `json:"unpublished"`
}

// Rollout returns one rollout.
func (s *Server) Rollout(ctx context.Context, id string) (Standing, error) {
	var out Standing
	_, err := s.call(ctx, http.MethodGet, "/v1/rollouts/"+url.PathEscape(id), exchange{into: &out})
	if err == nil && out.Summary.Rollout.ID != id {
		err = &RefusedError{Status: http.StatusOK, Text: "its answer is another rollout", Next: "check that the address is that of a Serin server"}
	}
	return out, err
}

// List returns rollouts, the newest first.
func (s *Server) List(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}}
	for name, value := range map[string]string{"service": f.Service, "namespace": f.Namespace, "outcome": f.Outcome} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Live {
		q.Set("live", "true")
	}
	if !f.Before.IsZero() {
		q.Set("before", strings.TrimSuffix(f.Before.UTC().Format(time.RFC3339Nano)+","+f.ID, ","))
	}
	var list struct{ Rollouts []journal.Summary }
	_, err := s.call(ctx, http.MethodGet, "/v1/rollouts?"+q.Encode(), exchange{into: &list})
	return list.Rollouts, err
}

// Verdicts returns every verdict of a rollout, in order.
func (s *Server) Verdicts(ctx context.Context, id string) ([]judge.Verdict, error) {
	var list struct{ Verdicts []judge.Verdict }
	_, err := s.call(ctx, http.MethodGet, "/v1/rollouts/"+url.PathEscape(id)+"/verdicts", exchange{into: &list})
	return list.Verdicts, err
}

// Trace returns how the evidence of a rollout came to be, as of its newest verdict.
func (s *Server) Trace(ctx context.Context, id string) (judge.Trace, error) {
	var t judge.Trace
	_, err := s.call(ctx, http.MethodGet, "/v1/rollouts/"+url.PathEscape(id)+"/trace", exchange{into: &t})
	return t, err
}

// Events calls heard for every event of a rollout, until the stream ends or ctx does. The
// first comes at once; what happened is asked of [Server.Rollout].
func (s *Server) Events(ctx context.Context, id string, heard func()) error {
	req, err := s.request(ctx, http.MethodGet, "/r/"+url.PathEscape(id)+"/events", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode/100 != 2 || !strings.HasPrefix(kind, "text/event-stream") {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		if err != nil {
			return unreachable(err)
		}
		if resp.StatusCode/100 == 2 {
			return &RefusedError{Status: resp.StatusCode, Text: fmt.Sprintf("its answer is no stream of events but %q", kind)}
		}
		return failure(resp, b)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event:") {
			heard()
		}
	}
	return lines.Err()
}

// maxError bounds what is read of an answer that is a failure.
const maxError = 64 << 10

// Away reports whether an error says that a server gives no answer now, and may soon.
func Away(err error) bool {
	var away *awayError
	return errors.As(err, &away)
}

// Unknown reports whether an error says that there is no such rollout, or none that the
// token may see.
func Unknown(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// afterwards is how long an answer may still ask the journal once its caller's time
// for a look is used up.
const afterwards = time.Second

// pastTime returns a context for the little that is done after the time for a look
// is over.
func pastTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), afterwards)
}

// standIn is what is known of a rollout at which no look could be taken: its last
// verdict, without its permissions. A rollback that was decided stands, since only
// that latches; everything else of it is stale, and nothing advances on that.
func (s *Server) standIn(ctx context.Context, sum journal.Summary, err error) judge.Verdict {
	why := "no look was finished in time"
	if errOf := shed(err); strings.HasPrefix(errOf.Public, errBusy.Error()) {
		why = errOf.Public
	}
	v := judge.Verdict{Rollout: sum.Rollout}
	if sum.Last != nil {
		v = *sum.Last
		why += fmt.Sprintf("; the last one, at %s UTC, said %s", v.At.UTC().Format("15:04:05"), said(v.Outcome.String(), v.Reason))
	}
	if v.Mode == "" && s.pinnedShadow(ctx, sum) {
		v.Mode = string(plan.Shadow)
	}
	no := judge.Answer{Reason: why}
	v.Fresh, v.Reason, v.Advance, v.Promotion = false, why, no, no
	if !v.RollBack.Yes {
		v.Outcome, v.RollBack = judge.Continue, no
	}
	return v
}

// unread says how much of a verdict's plan could not be read at its look.
func unread(v judge.Verdict) string {
	all, failed := 0, 0
	for _, f := range v.Findings {
		if f.About != judge.AboutMetric {
			continue
		}
		all++
		if f.Class == judge.QueryFailed {
			failed++
		}
	}
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d metrics were read", all-failed, all)
}

// withinOf returns the time in which a hook is answered: what the Canary's author
// says in the metadata, who knows the hook's timeout, or else the server's.
func (s *Server) withinOf(text string, server time.Duration) (time.Duration, error) {
	if text == "" {
		return server, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > s.cfg.Timeout {
		return 0, bad(fmt.Sprintf("write a duration from 1s to %s, a little less than the caller's own timeout", s.cfg.Timeout),
			"answerWithin: %s is not one", quoted(text))
	}
	return d, nil
}

// preferredWait reads the header Prefer: wait=20 (RFC 7240): in how many seconds
// the caller wants to be answered. It is a wish, so what is not understood is
// ignored; the server's own bound stays the longest.
func preferredWait(h http.Header, server time.Duration) time.Duration {
	for _, line := range h.Values("Prefer") {
		for _, part := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ';' }) {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n > 0 && strings.EqualFold(name, "wait") {
				return min(time.Duration(min(n, 3600))*time.Second, server)
			}
		}
	}
	return server
}

package webhooks

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/webhooks/pages"
)

// perPage is how many rollouts a page of the list shows.
const perPage = 50

// history is GET /.
func (s *Server) history(c echo.Context) error {
	sel, from, err := readSelection(c.QueryParams())
	if err != nil {
		return err
	}
	w := callerOf(c)
	found, more, err := s.past(c.Request().Context(), w, sel, from)
	if err != nil {
		return err
	}
	h := pages.History{
		Selected: sel, Limited: !w.everywhere(), Kayenta: s.mayCompare(w), Now: s.now(),
		Rollouts: pastOf(found), Outcomes: outcomes(),
	}
	if !from.at.IsZero() {
		h.Newest = listOf(sel, cursor{})
	}
	if more != (cursor{}) {
		h.Older = listOf(sel, more)
	}
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.History(b, h) })
}

// pastOf is a list in the words of reports.
func pastOf(list []journal.Summary) []report.Past {
	var out []report.Past
	for _, sum := range list {
		out = append(out, report.Past{Rollout: sum.Rollout, Closed: sum.Closed, Why: sum.Why, Looks: sum.Looks, Last: sum.Last})
	}
	return out
}

// outcomes are all that there are.
func outcomes() []string {
	var out []string
	for o := judge.Continue; o <= judge.Inconclusive; o++ {
		out = append(out, o.String())
	}
	return out
}

// cursor is where a page of the list ended: the start of its last rollout, and its ID.
type cursor struct {
	at time.Time
	id string
}

// String writes it as an address has it.
func (c cursor) String() string { return c.at.UTC().Format(time.RFC3339Nano) + "_" + c.id }

// readCursor reads what String wrote, or a time alone.
func readCursor(text string) (cursor, error) {
	at, id, _ := strings.Cut(text, "_")
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || (id != "" && !rolloutID.MatchString(id)) {
		return cursor{}, bad("follow the link of the list", "before: %s is no place in the list", quoted(text))
	}
	return cursor{t, id}, nil
}

// listOf is the address of a part of the list.
func listOf(sel pages.Selection, from cursor) string {
	q := url.Values{}
	for name, value := range map[string]string{"service": sel.Service, "namespace": sel.Namespace, "outcome": sel.Outcome} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if sel.Live {
		q.Set("live", "true")
	}
	if from != (cursor{}) {
		q.Set("before", from.String())
	}
	if len(q) == 0 {
		return pathHome
	}
	return pathHome + "?" + q.Encode()
}

// readSelection reads the query of a list. Fields that a form left empty narrow nothing.
func readSelection(q url.Values) (pages.Selection, cursor, error) {
	sel := pages.Selection{Service: q.Get("service"), Namespace: q.Get("namespace"), Outcome: q.Get("outcome"), Live: q.Get("live") == "true"}
	for name := range q {
		if !slices.Contains([]string{"service", "namespace", "outcome", "live", "before"}, name) {
			return sel, cursor{}, bad("known are service, namespace, outcome, live and before", "%s: unknown filter", quoted(name))
		}
	}
	if err := errors.Join(checkFact("service", sel.Service), checkFact("namespace", sel.Namespace)); err != nil {
		return sel, cursor{}, bad("write a plain name", "%s", oneLine(err.Error(), 300))
	}
	if sel.Outcome != "" && !slices.Contains(outcomes(), sel.Outcome) {
		return sel, cursor{}, bad("known are "+strings.Join(outcomes(), ", "), "outcome: %s is none", quoted(sel.Outcome))
	}
	if text := q.Get("before"); text != "" {
		from, err := readCursor(text)
		return sel, from, err
	}
	return sel, cursor{}, nil
}

// past returns a page of the list, and where the next one begins if there is one. What a
// token with patterns may see is looked for among so many rollouts, and then given up: the
// link to older ones goes on from there.
func (s *Server) past(ctx context.Context, w caller, sel pages.Selection, from cursor) ([]journal.Summary, cursor, error) {
	const atOnce, most = 200, 2000
	namespace, bare := sel.Namespace, sel.Namespace == noNamespace
	if bare {
		namespace = ""
	}
	if sel.Namespace != "" {
		if err := w.mayIn(namespace); err != nil {
			return nil, from, err
		}
	}
	f := journal.Filter{Service: sel.Service, Namespace: namespace, Bare: bare, Outcome: sel.Outcome, Live: sel.Live, Limit: atOnce}
	all := sel.Namespace != "" || w.everywhere()
	if all {
		f.Limit = perPage + 1
	}
	var found []journal.Summary
	for range most / atOnce {
		f.Before, f.ID = from.at, from.id
		list, err := s.cfg.Journal.List(ctx, f)
		if err != nil {
			return nil, from, err
		}
		for _, sum := range list {
			if !all && !w.sees(sum.Rollout.Namespace) {
				from = cursor{sum.Rollout.Started, sum.Rollout.ID}
				continue
			}
			if len(found) == perPage {
				return found, from, nil
			}
			from = cursor{sum.Rollout.Started, sum.Rollout.ID}
			found = append(found, sum)
		}
		if len(list) < f.Limit {
			return found, cursor{}, nil
		}
	}
	return found, from, nil
}

package logcheck

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/serin-canary/serin/judge/checks"
)

// atLeastAsked is how many lines are asked for at least, so that a count says how bad it is.
const atLeastAsked = 100

// askLoki counts the lines of a query.
func (p probe) askLoki(ctx context.Context) checks.Attempt {
	found, no := p.ask(ctx, p.query, max(p.most+1, atLeastAsked))
	if no != nil {
		return *no
	}
	where := " in the last " + checks.Span(p.since)
	return p.counted(found, where, func() (bool, *checks.Attempt) {
		all, no := p.ask(ctx, p.selector, 1)
		return all.n > 0, no
	})
}

// ask returns the newest lines of a query, at most so many.
func (p probe) ask(ctx context.Context, query string, limit int) (lines, *checks.Attempt) {
	now := p.runner.cfg.Clock.Now()
	u := *p.url
	u.RawQuery = url.Values{
		"query": {query}, "limit": {strconv.Itoa(limit)}, "direction": {"backward"},
		"start": {strconv.FormatInt(now.Add(-p.since).UnixNano(), 10)}, "end": {strconv.FormatInt(now.UnixNano(), 10)},
	}.Encode()
	body, cut, status, err := p.get(ctx, &u)
	switch {
	case err != nil && checks.Refusal(err) != nil:
		a := checks.Unreached(err)
		return lines{}, &a
	case err != nil:
		return lines{}, broken("was not answered by Loki: %s", checks.Cause(err))
	case status != http.StatusOK:
		return lines{}, broken("was not counted: Loki answered %d: %s", status, checks.ExcerptWithout(string(body), 160, p.hidden))
	case cut:
		return lines{}, broken("was not counted: Loki answered with more than 4 MiB; make the query narrower or since shorter")
	}
	found, err := read(body)
	if err != nil {
		return lines{}, broken("was not counted: Loki's answer cannot be read: %s", checks.Cause(err))
	}
	found.more = found.n >= limit
	return found, nil
}

func broken(format string, args ...any) *checks.Attempt {
	a := checks.Breaking(format, args...)
	return &a
}

// answer is what Loki answers to a query of lines.
type answer struct {
	Status string `json:"status"`
	Data   *struct {
		Type   string `json:"resultType"`
		Result []struct {
			// Values are [nanoseconds, line] or [nanoseconds, line, metadata].
			Values [][]json.RawMessage `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// read counts the lines of an answer.
func read(body []byte) (lines, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		// Its words may quote a line, which is not shown here.
		return lines{}, errors.New("it is not the JSON of a query's answer")
	}
	if a.Status != "success" || a.Data == nil {
		return lines{}, errors.New("it does not say success")
	}
	if a.Data.Type != "streams" {
		return lines{}, errors.New("it has no lines but numbers; write a query of lines, without count_over_time and the like")
	}
	var found lines
	newest := int64(-1)
	for _, s := range a.Data.Result {
		for _, v := range s.Values {
			var at, line string
			if len(v) < 2 || json.Unmarshal(v[0], &at) != nil || json.Unmarshal(v[1], &line) != nil {
				return lines{}, errors.New("one of its lines is none")
			}
			found.n++
			when, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				return lines{}, errors.New("one of its lines has no time")
			}
			if when > newest {
				newest, found.last = when, line
			}
		}
	}
	return found, nil
}

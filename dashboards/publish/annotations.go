package publish

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mark is something that happened, on the time axis of every board that asks for its
// tags: those of the rollout's own and those of the team.
type Mark struct {
	// Key tells it from the rollout's other marks: told again, it is changed and not
	// doubled.
	Key  string
	Tags []string
	Text string // plain
	At   time.Time
	// Until ends a region; zero is a moment, or a region that goes on.
	Until time.Time
	// Stays says that At is when it was first told: it is not moved where it is there.
	Stays bool
}

// Annotate writes a mark, or changes the one of its key. Grafana has no keys for them:
// the key is one of the tags, and is looked up first.
func (g *Grafana) Annotate(ctx context.Context, m Mark) error {
	key := markTag + m.Key
	tags := append(slices.Clone(m.Tags), key)
	body := map[string]any{"time": m.At.UnixMilli(), "tags": tags, "text": markText(m.Text)}
	if !m.Until.IsZero() {
		body["timeEnd"] = m.Until.UnixMilli()
	}
	var found []struct {
		ID int64 `json:"id"`
	}
	q := url.Values{"tags": {key}, "limit": {"10"}, "type": {"annotation"}}
	if err := g.do(ctx, call{http.MethodGet, "/api/annotations", q, nil}, &found); err != nil {
		return err
	}
	if len(found) == 0 {
		return g.do(ctx, call{http.MethodPost, "/api/annotations", nil, body}, nil)
	}
	ids := make([]int64, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	for _, extra := range ids[1:] { // two replicas were equally fast
		if err := g.removeMark(ctx, extra); err != nil {
			return err
		}
	}
	if m.Stays {
		delete(body, "time")
	}
	return g.do(ctx, call{http.MethodPatch, markPath(ids[0]), nil, body}, nil)
}

// RemoveMarks takes away the marks of Serin's that carry a tag. People may have put their
// own beside them, which stay.
func (g *Grafana) RemoveMarks(ctx context.Context, tag string) error {
	const page = 1000
	for {
		var found []struct {
			ID   int64    `json:"id"`
			Tags []string `json:"tags"`
		}
		q := url.Values{"tags": {tag}, "limit": {strconv.Itoa(page)}, "type": {"annotation"}}
		if err := g.do(ctx, call{http.MethodGet, "/api/annotations", q, nil}, &found); err != nil {
			return err
		}
		removed := 0
		for _, f := range found {
			if !slices.ContainsFunc(f.Tags, func(t string) bool { return strings.HasPrefix(t, markTag) }) {
				continue
			}
			if err := g.removeMark(ctx, f.ID); err != nil {
				return err
			}
			removed++
		}
		if removed == 0 || len(found) < page {
			return nil
		}
	}
}

// markTag begins the tag that has a mark's key. Only Serin's marks have one.
const markTag = "serin-mark:"

func markPath(id int64) string { return "/api/annotations/" + strconv.FormatInt(id, 10) }

func (g *Grafana) removeMark(ctx context.Context, id int64) error {
	err := g.do(ctx, call{http.MethodDelete, markPath(id), nil, nil}, nil)
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// markText is text that is rendered as HTML where it is shown.
func markText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "") + "…"
	}
	return html.EscapeString(text)
}

// Ping reports whether Grafana answers and accepts the token.
func (g *Grafana) Ping(ctx context.Context) error {
	var health struct {
		Database string `json:"database"`
	}
	if err := g.do(ctx, call{http.MethodGet, "/api/health", nil, nil}, &health); err != nil {
		return err
	}
	if health.Database != "" && health.Database != "ok" {
		return &Error{Err: fmt.Errorf("grafana: its database is %s", health.Database)}
	}
	return g.do(ctx, call{http.MethodGet, "/api/search", url.Values{"limit": {"1"}, "type": {"dash-db"}}, nil}, nil)
}

package webhooks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// standing is a rollout with how it stands, in words, and what of it is not published.
type standing struct {
	journal.Summary
	Status      string               `json:"status"`
	Progress    string               `json:"progress"`
	Unpublished []report.Unpublished `json:"unpublished"`
}

// getRollout is GET /v1/rollouts/{id}: JSON, or the report for people where the caller
// asks for that.
func (s *Server) getRollout(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	b := s.describe(sum)
	b.Status, _ = wordOfRecord(sum)
	missing := orEmpty(s.unpublished(c.Request().Context(), sum.Rollout.ID))
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderAccept)
	switch form := formOf(c.Request().Header.Get(echo.HeaderAccept)); form {
	case formText, formMarkdown:
		text, err := people(sum, missing, form)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, form+"; charset=utf-8", text)
	}
	return writeJSON(c, http.StatusOK, standing{sum, b.Status, b.Progress, missing})
}

// unpublishedTime bounds how long a report waits for what stands beside the verdict.
const unpublishedTime = 2 * time.Second

// unpublished returns what of a rollout is not published. Where that cannot be read, the
// report says so and is given nevertheless.
func (s *Server) unpublished(ctx context.Context, id string) []report.Unpublished {
	if s.cfg.Publishing == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, unpublishedTime)
	defer cancel()
	missing, err := s.cfg.Publishing.Unpublished(ctx, id)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "what is published of a rollout cannot be read", "rollout", id, cause(err))
		return []report.Unpublished{{What: "dashboard and alert rules", Why: "whether they are published cannot be read; the server's log says why"}}
	}
	return missing
}

// The forms of a report beside JSON.
const (
	formText     = "text/plain"
	formMarkdown = "text/markdown"
)

// formOf returns what an Accept header asks for first among what there is; empty is
// JSON, which also answers who asks for anything.
func formOf(accept string) string {
	for _, one := range strings.Split(accept, ",") {
		kind, _, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		switch kind {
		case formText, formMarkdown:
			return kind
		case echo.MIMEApplicationJSON, "application/*", "*/*":
			return ""
		}
	}
	return ""
}

// people writes the report for people.
func people(sum journal.Summary, missing []report.Unpublished, form string) ([]byte, error) {
	var b bytes.Buffer
	if !live(sum) {
		fmt.Fprintf(&b, "The rollout is over since %s.\n\n", sum.Closed.UTC().Format(time.RFC3339))
	}
	verdict, rest := report.Markdown, report.UnpublishedMarkdown
	if !live(sum) {
		verdict = report.OverMarkdown
	}
	if form == formText {
		verdict = func(w io.Writer, v judge.Verdict) error { return report.Text(w, v, report.Options{Over: !live(sum)}) }
		rest = func(w io.Writer, us []report.Unpublished) error {
			return report.UnpublishedText(w, us, report.Options{})
		}
	}
	if sum.Last == nil {
		fmt.Fprintf(&b, "Rollout %s: nobody has looked yet.\n", sum.Rollout.ID)
	} else if err := verdict(&b, *sum.Last); err != nil {
		return nil, err
	}
	err := rest(&b, missing)
	return b.Bytes(), err
}

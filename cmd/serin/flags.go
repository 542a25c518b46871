package main

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// output is how a result is written.
type output struct {
	Output string `short:"o" enum:"text,json,markdown" default:"text" help:"How to write the result: text, json or markdown."`
}

// write writes a verdict.
func (o output) write(w io.Writer, v judge.Verdict) error {
	switch o.Output {
	case "json":
		return report.JSON(w, v)
	case "markdown":
		return report.Markdown(w, v)
	}
	return report.Text(w, v, reportOptions(w))
}

// writeTraced writes a verdict, of a rollout that may be over, and how it came to be.
func (o output) writeTraced(w io.Writer, v judge.Verdict, t judge.Trace, over bool) error {
	switch o.Output {
	case "json":
		return report.TracedJSON(w, v, t)
	case "markdown":
		verdict := report.Markdown
		if over {
			verdict = report.OverMarkdown
		}
		if err := verdict(w, v); err != nil {
			return err
		}
		return report.TraceMarkdown(w, t)
	}
	how := reportOptions(w)
	how.Over = over
	return report.TracedText(w, v, t, how)
}

func reportOptions(w io.Writer) report.Options {
	return report.Options{Colour: screen.Colour(w), Width: min(screen.Width(w), 120), ASCII: screen.ASCII()}
}

// label is a label's name and value, written name=value.
type label struct{ name, value string }

// labelMapper reads a [label].
type labelMapper struct{}

// Decode implements kong.Mapper.
func (labelMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("label", &text); err != nil {
		return err
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not a label; write name=value, for example track=canary", text)
	}
	target.Set(reflect.ValueOf(label{name, value}))
	return nil
}

// labelMap returns labels as a map, nil where there are none. The same name twice
// is a fault: it would select nothing.
func labelMap(flag string, ls []label) (map[string]string, error) {
	var m map[string]string
	for _, l := range ls {
		if _, twice := m[l.name]; twice {
			return nil, fmt.Errorf("--%s names the label %q twice; one series cannot have both values", flag, l.name)
		}
		if m == nil {
			m = map[string]string{}
		}
		m[l.name] = l.value
	}
	return m, nil
}

// parseSince reads a moment: how long ago (30m), or when (2026-05-01T12:00:00Z).
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			return time.Time{}, fmt.Errorf("--since %s lies in the future; write how long ago, for example 30m", text)
		}
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--since %q is neither how long ago (30m) nor a time (%s)",
			text, now.UTC().Add(-30*time.Minute).Format(time.RFC3339))
	}
	if t.After(now) {
		return time.Time{}, fmt.Errorf("--since %s lies in the future", text)
	}
	return t, nil
}

// parseLevel reads a log level.
func parseLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("%q is not a log level; write debug, info, warn or error", text)
	}
	return l, nil
}

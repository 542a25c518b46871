package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// tagged is a store that knows which values a tag of a metric has: the candidates for
// a plan's arms.
type tagged interface {
	Versions(ctx context.Context, metric, filter, tag string, w queries.Window) ([]string, error)
}

// configured opens a plan's source as the server's configuration has it.
func configured(p plan.Plan, file string) (queries.Source, error) {
	c, err := app.Read(file)
	if err != nil {
		return nil, err
	}
	opened, err := app.OpenSources(c.Sources, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	store := opened.Store(p.Source)
	if store == nil {
		return nil, fmt.Errorf("%s has no source %q, which plan %s names; it has %s", file, p.Source, p.Name, strings.Join(opened.Names(), ", "))
	}
	return store, nil
}

// shownValues bounds how many values of a tag are written.
const shownValues = 10

// writeTags writes, for each tag that a plan's selectors fill in from an arm, the values
// that the store has of it, the most reported first.
func writeTags(ctx context.Context, w io.Writer, p plan.Plan, src queries.Source) error {
	store, ok := src.(tagged)
	if !ok {
		return nil
	}
	end := time.Now().Add(-p.Lag.D()).Truncate(p.Block.D())
	window := queries.Window{Start: end.Add(-probeBlocks * p.Block.D()), End: end, Block: p.Block.D()}
	seen := map[string]bool{}
	for _, m := range p.Metrics {
		part, ok := counted(m.Query)
		if !ok {
			continue
		}
		for _, tag := range fromArm(m.Selector) {
			if seen[tag] {
				continue
			}
			seen[tag] = true
			values, err := store.Versions(ctx, part.Name, part.Filter, tag, window)
			if err != nil {
				return fmt.Errorf("plan %s: the values of tag %s cannot be read: %w", p.Name, tag, err)
			}
			fmt.Fprintf(w, "\nTag %s of %s{%s}, the most reported first: %s.\n", tag, part.Name, part.Filter, some(values))
		}
	}
	return nil
}

func some(values []string) string {
	if len(values) == 0 {
		return "none; check the metric, its filter and the tag's name"
	}
	text := strings.Join(values[:min(len(values), shownValues)], ", ")
	if more := len(values) - shownValues; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// counted is the last part of a query that asks for counts: what a share is of.
func counted(q queries.Query) (queries.Part, bool) {
	parts, err := queries.Parts(q)
	if err != nil {
		return queries.Part{}, false
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Count {
			return parts[i], true
		}
	}
	return queries.Part{}, false
}

// fromArm are the labels of a selector whose values come from the arm.
func fromArm(selector string) []string {
	matchers, err := queries.ParseSelector(selector)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range matchers {
		if strings.Contains(m.Value, "{{") {
			out = append(out, m.Label)
		}
	}
	return out
}

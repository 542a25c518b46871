package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// Past is a rollout in a list.
type Past struct {
	Rollout rollout.Rollout
	Closed  time.Time      // zero while it is live
	Why     string         // why it was closed
	Looks   int            // how often it was looked at
	Last    *judge.Verdict // nil before the first look
}

// The columns of a list of rollouts.
const (
	listOutcome = iota
	listService
	listNamespace
	listRevision
	listStarted
	listState
	listLooks
	listID
	listWhy
	listColumns
)

// mostWhy is how much of a verdict's sentence a list shows.
const mostWhy = 60

// List writes rollouts for a terminal, one a line. Where it is narrow, columns go; the
// outcome, the service and the ID stay.
func List(w io.Writer, list []Past, o Options) error {
	p := newPage(o)
	if len(list) == 0 {
		p.line("There are no such rollouts.")
		return p.flush(w)
	}
	p.tabulate(listTable(list, o.Now))
	return p.flush(w)
}

// ListMarkdown writes rollouts as a table of Markdown, as they are now.
func ListMarkdown(w io.Writer, list []Past, now time.Time) error {
	if len(list) == 0 {
		_, err := io.WriteString(w, "There are no such rollouts.\n")
		return err
	}
	var b strings.Builder
	t := listTable(list, now)
	head, rule := "| |", "|---|"
	for c, h := range t.heads {
		if !t.show[c] {
			continue
		}
		head += " " + h + " |"
		if slices.Contains(t.right, c) {
			rule += "--:|"
		} else {
			rule += "---|"
		}
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, r := range t.rows {
		b.WriteString("| " + r.tone.mark() + " |")
		for c, cell := range r.cells {
			if t.show[c] {
				b.WriteString(" " + md(cell) + " |")
			}
		}
		b.WriteString("\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

func listTable(list []Past, now time.Time) table {
	t := table{
		heads: []string{"outcome", "service", "namespace", "revision", "started (UTC)", "state", "looks", "rollout", "why"},
		show:  make([]bool, listColumns), right: []int{listLooks},
		least: map[int]int{listService: 8, listNamespace: 6, listRevision: 7, listWhy: 20},
		drop:  []int{listWhy, listLooks, listNamespace, listStarted, listState, listRevision},
	}
	for _, one := range list {
		r := listed(one, now)
		for c, cell := range r.cells {
			t.show[c] = t.show[c] || cell != none
		}
		t.rows = append(t.rows, r)
	}
	return t
}

func listed(p Past, now time.Time) tableRow {
	r := tableRow{cells: slices.Repeat([]string{none}, listColumns)}
	set := func(column int, text string) {
		if text = clean(text); text != "" {
			r.cells[column] = text
		}
	}
	set(listOutcome, "no look yet")
	if v := p.Last; v != nil {
		r.tone = outcomeTone(*v)
		set(listOutcome, word(*v))
		if shadow(*v) {
			set(listOutcome, word(*v)+" (shadow)")
		}
	}
	set(listService, p.Rollout.Service)
	set(listNamespace, p.Rollout.Namespace)
	set(listRevision, p.Rollout.Revision)
	if !p.Rollout.Started.IsZero() {
		set(listStarted, p.Rollout.Started.UTC().Format("2006-01-02 15:04"))
	}
	set(listState, "live")
	switch {
	case !p.Closed.IsZero():
		set(listState, "over")
	case p.Stale(now) != "":
		set(listState, "STALE")
	}
	set(listWhy, shorten(p.Because(now), mostWhy))
	set(listLooks, count(float64(p.Looks)))
	set(listID, p.Rollout.ID)
	return r
}

// Because says in a sentence why a list shows of a rollout what it does. Where the verdict is
// old, or the rollout was over before there was one, it says so first.
func (p Past) Because(now time.Time) string {
	over := ""
	if why := clean(p.Why); !p.Closed.IsZero() && why != "" {
		over = ": " + why
	}
	switch {
	case p.Last == nil && p.Closed.IsZero():
		return "nobody has looked yet"
	case p.Last == nil:
		return "over, and nobody had looked" + over
	case !p.Closed.IsZero() && p.Last.Outcome == judge.Continue:
		return "over without a verdict" + over + "; last: " + sentence(*p.Last)
	case p.Stale(now) != "":
		return "STALE, " + p.Stale(now) + ": " + sentence(*p.Last)
	}
	return sentence(*p.Last)
}

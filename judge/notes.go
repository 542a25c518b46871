package judge

import (
	"strings"

	"github.com/serin-canary/serin/queries"
)

// remarkable says what a source's note means for a verdict.
type remarkable struct {
	code         queries.NoteCode
	name, next   string
	holds, stops bool
}

// remarks lists the notes that become findings. Never-seen numerators are judged
// with their metric.
func remarks() []remarkable {
	return []remarkable{
		{queries.NotePartial, "partial data", "mend the store: counts may be too low, and what is missing may be the bad part", true, true},
		{queries.NoteTargetDown, "target down", "find out why it does not answer: a process that is down reports no errors", true, false},
		{queries.NoteLost, "lost blocks", "nothing: what was not recorded in time is not compared", false, false},
		{queries.NoteNotANumber, "not a number", "mend the exporter: those samples were left out", false, false},
		{queries.NoteSparse, "sparse samples", "nothing for this rollout: nothing is counted wrongly, the verdict takes longer; for the next one give the plan a longer block, or scrape more often", false, false},
		{queries.NoteSeriesLimit, "series limit", "narrow the query, or raise the source's seriesLimit", false, false},
	}
}

// findNotes turns what the source remarked, now or of blocks that are frozen, into
// findings, one for each kind of remark.
func (e *evaluator) findNotes() {
	all := append([]queries.Note(nil), e.in.Notes...)
	for _, f := range e.in.Record.Frozen.Metrics {
		all = append(append(all, f.Canary.Notes...), f.Baseline.Notes...)
		if f.Prior != nil {
			all = append(all, f.Prior.Notes...)
		}
	}
	all = queries.SortNotes(all)
	const most = 3 // texts that are quoted
	for _, r := range remarks() {
		var texts []string
		for _, n := range all {
			if n.Code == r.code {
				texts = append(texts, n.Text)
			}
		}
		if len(texts) == 0 {
			continue
		}
		quoted := strings.Join(texts[:min(most, len(texts))], "; ")
		if more := len(texts) - most; more > 0 {
			quoted += "; and " + count(float64(more)) + " more"
		}
		e.findings = append(e.findings, Finding{
			Name: r.name, About: AboutRollout, Class: Warning, Holds: r.holds, Stops: r.stops, Reason: quoted, Next: r.next,
		})
	}
}

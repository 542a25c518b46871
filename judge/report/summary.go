package report

import (
	"fmt"
	"strings"

	"github.com/serin-canary/serin/judge"
)

// Summary returns the verdict in a few lines of less than 1.5 kB together, without
// colour: what fits a CI log's tail or a comment.
func Summary(v judge.Verdict) string { return summary(v, false) }

func summary(v judge.Verdict, over bool) string {
	var b strings.Builder
	line := func(bytes int, text string) {
		if text = cut(clean(text), bytes); text != "" {
			b.WriteString(text + "\n")
		}
	}
	// The budgets add up to less than 1,500 with the line breaks.
	head := strings.ToUpper(word(v))
	if q := qualifiers(v); len(q) > 0 {
		head += " (" + strings.Join(q, ", ") + ")"
	}
	line(240, head+": "+subject(v))
	line(450, v.Reason)
	if v.Page != "" {
		line(160, "A person must look now: "+v.Page)
	}
	var said []string
	asked := answers(v)
	if over {
		asked = past(asked)
	}
	for _, a := range asked {
		said = append(said, strings.ToLower(a.question[:1])+a.question[1:]+" "+yesNo(a.yes))
	}
	line(100, strings.Join(said, "  "))
	line(340, tally(v.Findings))
	line(190, fmt.Sprintf("%s; %s", requests(v), identity(v)))
	return b.String()
}

func requests(v judge.Verdict) string {
	return fmt.Sprintf("%s, %s canary requests", plural(v.Progress.Paired, "paired block"), count(v.Progress.CanaryRequests))
}

// tally counts findings by class in the order in which they come, worst first.
func tally(fs []judge.Finding) string {
	type group struct {
		tone  tone
		class string
		names []string
	}
	var groups []*group
	index := map[string]*group{}
	for _, t := range []tone{bad, held, neutral, good} {
		for _, f := range fs {
			c := class(f.Class)
			if toneOf(f) != t {
				continue
			}
			g, ok := index[fmt.Sprint(t, c)]
			if !ok {
				g = &group{tone: t, class: c}
				index[fmt.Sprint(t, c)] = g
				groups = append(groups, g)
			}
			g.names = append(g.names, nameOf(f))
		}
	}
	out := make([]string, len(groups))
	for i, g := range groups {
		const most = 3
		names := strings.Join(g.names[:min(len(g.names), most)], ", ")
		if more := len(g.names) - most; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		out[i] = fmt.Sprintf("%s %d %s: %s", g.tone.mark(), len(g.names), g.class, names)
	}
	return strings.Join(out, "; ")
}

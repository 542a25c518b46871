package adopt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// stand begins the words that stand for a template's parts while its query is parsed.
// It is made of letters and digits alone, so that it may be part of a value, of a
// pattern and of a name.
const stand = "SerinStandsFor"

var standing = regexp.MustCompile(stand + `(\d+)Here`)

// side is whose series a part of a template asks for.
type side int

const (
	neither side = iota
	theCanary
	theBaseline
)

// part is what a template's placeholder stands for.
type part struct {
	shown string // as it is written: {{ target }}
	// text is what it is replaced by, where it is the same for both arms.
	text string
	// fact is what a selector says instead: {{ .Workload }}.
	fact string
	side side
	// free says that its matcher may go: the arm's own selector says as much.
	free bool
	// byLabel, where it is set, chooses the fact by the label that is matched; "" is free.
	byLabel func(label string) string
	// workload says that the fact is a workload's name, with which its pods' names begin.
	workload bool
}

// question is a query without its arms.
type question struct {
	reading  queries.Reading
	selector string
	remarks  []string
	free     []string // matchers that were left out without a selector of their own
	armed    bool     // its own matchers chose the canary
}

// asker reads queries that are templates.
type asker struct {
	// placeholder finds the template's parts; its groups are a name, and what behind
	// it belongs to it.
	placeholder *regexp.Regexp
	// resolve says what a part stands for.
	resolve func(name, suffix string) (part, error)
	// known, where it is set, is asked of matchers without a part of a template: the
	// canary may be named outright. It returns the fact that says so, or "".
	known func(m queries.Matcher) (fact string, s side, err error)
	// primary says that the baseline is called as the canary is, with -primary behind.
	primary bool
}

// ask reads a query. The error says why it cannot be carried over.
func (a asker) ask(text string) (question, error) {
	if strings.Contains(text, stand) {
		return question{}, errors.New("its text has a word that is kept for this command")
	}
	var parts []part
	var faults []string
	filled := a.placeholder.ReplaceAllStringFunc(text, func(s string) string {
		groups := append(a.placeholder.FindStringSubmatch(s), "")
		p, err := a.resolve(groups[1], groups[2])
		if err != nil {
			faults = add(faults, err.Error())
			return s
		}
		if p.fact == "" && p.byLabel == nil && !p.free && p.side == neither {
			return p.text
		}
		p.shown = s
		parts = append(parts, p)
		return fmt.Sprintf("%s%dHere", stand, len(parts)-1)
	})
	if len(faults) > 0 {
		return question{}, errors.New(strings.Join(faults, "; "))
	}
	if strings.Contains(filled, "{{") || strings.Contains(filled, "${") {
		return question{}, errors.New("its template does more than fill in names")
	}
	n := &narrower{asker: a, parts: parts}
	q, unread := queries.Query{Lang: queries.PromQL, Expr: filled}.Rewritten(n.edit)
	if err := n.verdict(q, unread); err != nil {
		return question{}, err
	}
	r, err := queries.Understand(q)
	if err != nil {
		return question{}, notPromQL(err)
	}
	armed := n.sides[theCanary] && len(n.selector) > 0
	if !armed && len(n.selector) > 0 { // a namespace alone holds both arms
		pods := "pod"
		if strings.Contains(strings.Join(n.selector, ","), "kubernetes_") {
			pods = "kubernetes_pod_name"
		}
		n.narrow(queries.Matcher{Label: pods, Op: queries.Match, Value: podFact})
		n.remarks = append(n.remarks, "Its query named no arm: Serin narrows it by the label "+pods+", which its series must have.")
	}
	return question{reading: r, selector: strings.Join(n.selector, ", "), remarks: n.remarks, free: n.left, armed: armed}, nil
}

func notPromQL(err error) error {
	var se *queries.SyntaxError
	if errors.As(err, &se) && se.Line > 0 {
		return fmt.Errorf("it is not PromQL (line %d, column %d: %s)", se.Line, se.Column, standing.ReplaceAllString(se.Text, "…"))
	}
	return fmt.Errorf("it is not PromQL (%s)", standing.ReplaceAllString(err.Error(), "…"))
}

// narrower takes the matchers that choose an arm out of a query.
type narrower struct {
	asker
	parts    []part
	selector []string
	remarks  []string
	left     []string
	sides    [3]bool
	refused  error
}

// verdict says whether what is left is a query about one arm.
func (n *narrower) verdict(q queries.Query, err error) error {
	switch {
	case n.refused != nil:
		return n.refused
	case err != nil:
		return notPromQL(err)
	case n.sides[theCanary] && n.sides[theBaseline]:
		return errors.New("it compares the arms itself; keep the canary's half of it, and Serin compares")
	case n.sides[theBaseline]:
		return errors.New("it asks about the baseline alone, which every metric of a plan does by itself")
	case standing.MatchString(q.Expr):
		return errors.New("its template fills in more than the values of labels")
	}
	return nil
}

// edit is asked for each matcher.
func (n *narrower) edit(m queries.Matcher) (queries.Matcher, bool) {
	hits := standing.FindAllStringSubmatch(m.Value, -1)
	if len(hits) == 0 {
		return n.plainly(m)
	}
	shown := n.shown(m)
	free, workload := false, false
	for _, h := range hits {
		p := n.parts[index(h[1])]
		n.sides[p.side] = true
		free = free || p.free || p.byLabel != nil && p.byLabel(m.Label) == ""
		workload = workload || p.workload
	}
	switch {
	case m.Op == queries.NotEqual || m.Op == queries.NotMatch:
		n.refused = fmt.Errorf("%s leaves out what a selector cannot leave out by an arm's facts", shown)
		return m, true
	case free:
		n.left = add(n.left, shown)
		return m, false
	case workload && !n.ofWorkload(&m, shown):
		return m, false
	}
	m.Value = n.facts(m.Label, m.Value)
	switch {
	case m.Value == podFact:
		m.Op = queries.Match
	case m.Op == queries.Match && whole(m.Value):
		m.Op = queries.Equal
	}
	n.narrow(m)
	return m, false
}

// podFact is the fact that is a pattern itself.
const podFact = "{{ .PodPattern }}"

// plainly is a matcher without a part of a template.
func (n *narrower) plainly(m queries.Matcher) (queries.Matcher, bool) {
	if n.known == nil {
		return m, true
	}
	fact, s, err := n.known(m)
	switch {
	case err != nil:
		n.refused = err
		return m, true
	case s == neither:
		return m, true
	}
	n.sides[s] = true
	if fact != "" {
		m.Value = fact
		n.narrow(m)
	}
	return m, false
}

// ofWorkload checks a value that has a workload's name in it, and says whether there is
// something to narrow by.
func (n *narrower) ofWorkload(m *queries.Matcher, shown string) bool {
	at := standing.FindAllStringIndex(m.Value, -1)
	for i, hit := range standing.FindAllStringSubmatch(m.Value, -1) {
		if !n.parts[index(hit[1])].workload {
			continue
		}
		after := m.Value[at[i][1]:]
		switch {
		case after == "" && at[i][0] == 0:
		case at[i][0] == 0 && strings.Contains(strings.ToLower(m.Label), "pod"):
			m.Op, m.Value = queries.Match, podFact
			return true
		case n.primary && mixes(*m, after):
			n.refused = fmt.Errorf("%s matches the baseline's series as well as the canary's", shown)
			return false
		}
	}
	return true
}

// mixes reports whether a pattern that begins with the canary's name matches the
// baseline too, which is called NAME-primary.
func mixes(m queries.Matcher, after string) bool {
	if m.Op != queries.Match {
		return false
	}
	re, err := regexp.Compile("^(?s:" + standing.ReplaceAllString(after, "x") + ")$")
	if err != nil {
		return true
	}
	for _, s := range []string{"-primary", "-primary-7d9f8b5c4-x2x9z", "-primary:80", "-primary.shop.svc.cluster.local", "-primary-80"} {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// facts replaces the parts in a value by the facts of an arm.
func (n *narrower) facts(label, value string) string {
	return standing.ReplaceAllStringFunc(value, func(s string) string {
		p := n.parts[index(standing.FindStringSubmatch(s)[1])]
		if p.byLabel != nil {
			return p.byLabel(label)
		}
		return p.fact
	})
}

func (n *narrower) shown(m queries.Matcher) string {
	m.Value = standing.ReplaceAllStringFunc(m.Value, func(s string) string {
		return n.parts[index(standing.FindStringSubmatch(s)[1])].shown
	})
	return fmt.Sprintf("%s%s%q", m.Label, m.Op, m.Value)
}

// narrow adds a matcher to the selector. The value goes between quotes, in which only
// its own characters are escaped.
func (n *narrower) narrow(m queries.Matcher) {
	var value strings.Builder
	for i, piece := range factText.Split(m.Value, -1) {
		if i > 0 {
			value.WriteString(factText.FindAllString(m.Value, -1)[i-1])
		}
		value.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(piece))
	}
	n.selector = add(n.selector, m.Label+string(m.Op)+`"`+value.String()+`"`)
}

var factText = regexp.MustCompile(`\{\{ \.[A-Za-z.]+[A-Za-z0-9_.]* \}\}`)

// whole reports whether a value is facts and nothing that a pattern would need.
func whole(value string) bool {
	return regexp.QuoteMeta(factText.ReplaceAllString(value, "")) == factText.ReplaceAllString(value, "")
}

func index(digits string) int {
	n := 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

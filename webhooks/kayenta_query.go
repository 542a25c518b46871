package webhooks

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// wholeExpression begins a template that is a whole PromQL expression; without it a
// template is a list of matchers.
const wholeExpression = "PromQL:"

var (
	promName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	// bareWord is a value that may stand outside quotes: a name, a number, a duration.
	bareWord = regexp.MustCompile(`^[a-zA-Z0-9_:.]{1,253}$`)
	// matcherWord is one matcher of a scope that is written for people.
	matcherWord = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_./-]*)\s*(=~|!~|!=|=)\s*(\S.*)$`)
	unLabel     = regexp.MustCompile(`[^a-zA-Z0-9_]`)
)

// expression is what a store is asked for one side of one metric.
type expression struct {
	text   string
	single bool // it gives one series at most
}

// expression builds the PromQL of a metric for one scope. What a scope says gets
// into the query as values of matchers, through the syntax tree, or inside the quotes
// of a template; it cannot add to the query.
func (c kayentaConfig) expression(m kayentaMetric, s kayentaScope) (expression, error) {
	e, err := c.build(m.Query, s)
	if err == nil {
		err = queries.Bound(e.text, queries.Allowance{})
	}
	if err == nil {
		return e, nil
	}
	var ours *HTTPError
	if errors.As(err, &ours) {
		return e, bad(ours.Next, "metric %s: %s", quoted(m.Name), ours.Public)
	}
	return e, bad("correct the query", "metric %s: %s", quoted(m.Name), oneLine(err.Error(), 500))
}

func (c kayentaConfig) build(q kayentaQuery, s kayentaScope) (expression, error) {
	if err := q.supported(); err != nil {
		return expression{}, err
	}
	template, err := c.template(q)
	if err != nil {
		return expression{}, err
	}
	if template, err = expand(template, s.bindings(q)); err != nil {
		return expression{}, err
	}
	if whole, ok := strings.CutPrefix(template, wholeExpression); ok {
		return expression{text: strings.TrimSpace(whole)}, nil
	}
	return q.averaged(template, s.Scope)
}

// averaged is Kayenta's own form of a query: the average over a metric's series that
// agree with the filter, or with the scope where there is none.
func (q kayentaQuery) averaged(filter, scope string) (expression, error) {
	var (
		matchers []queries.Matcher
		err      error
	)
	if filter = strings.Trim(strings.TrimSpace(filter), "{}"); filter != "" {
		matchers, err = queries.ParseSelector(filter)
	} else {
		matchers, err = scopeMatchers(scope)
	}
	if err != nil {
		return expression{}, err
	}
	for _, text := range q.LabelBindings {
		more, err := queries.ParseSelector(text)
		if err != nil {
			return expression{}, err
		}
		matchers = append(matchers, more...)
	}
	if !promName.MatchString(q.MetricName) {
		return expression{}, bad("name a metric, or give a customInlineTemplate that begins with PromQL:", "query.metricName: %s is none", quoted(q.MetricName))
	}
	scoped, err := queries.Query{Lang: queries.PromQL, Expr: q.MetricName}.Scoped(matchers)
	return expression{"avg(" + scoped.Expr + ")", true}, err
}

// supported refuses what is not understood here, rather than to ask something else.
func (q kayentaQuery) supported() error {
	const remote = "keep Kayenta for this metric and let it ask Serin as its remote judge (POST /kayenta/judge)"
	switch {
	case q.kind() != "prometheus":
		return bad(remote, "query.type: this server asks prometheus stores only, not %s", quoted(q.kind()))
	case q.CustomFilter != "":
		return bad("write a customInlineTemplate", "query.customFilter is not supported, as in Kayenta")
	case len(q.GroupByFields) > 0:
		return bad("aggregate to one series, or make each group a metric of its own", "query.groupByFields: several series of one metric are not supported here")
	case q.ResourceType != "" && q.CustomInlineTemplate == "" && q.CustomFilterTemplate == "":
		return bad("write the filter as a customInlineTemplate", "query.resourceType: the filters of %s are not supported here", quoted(q.ResourceType))
	}
	return nil
}

func (c kayentaConfig) template(q kayentaQuery) (string, error) {
	if q.CustomInlineTemplate != "" {
		return unescaped(q.CustomInlineTemplate), nil
	}
	if q.CustomFilterTemplate == "" {
		return "", nil
	}
	t, ok := c.Templates[q.CustomFilterTemplate]
	if !ok {
		return "", bad("add it to templates", "query.customFilterTemplate: there is no template %s", quoted(q.CustomFilterTemplate))
	}
	return unescaped(t), nil
}

// expand puts values into a template. A value inside quotes may not end them; one
// outside must be a single word.
func expand(template string, values map[string]string) (string, error) {
	var (
		out   strings.Builder
		quote byte // that we are in; '#' in a comment
	)
	for i := 0; i < len(template); i++ {
		ch := template[i]
		if strings.HasPrefix(template[i:], "${") {
			end := strings.IndexByte(template[i:], '}')
			if end < 0 {
				return "", bad("close it with }", "a template has a ${ without its end")
			}
			value, err := bound(strings.TrimSpace(template[i+2:i+end]), values, quote != 0)
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			i += end
			continue
		}
		out.WriteByte(ch)
		switch {
		case quote == '#':
			if ch == '\n' {
				quote = 0
			}
		case quote == 0 && strings.IndexByte("\"'`#", ch) >= 0:
			quote = ch
		case quote != 0 && quote != '`' && ch == '\\' && i+1 < len(template):
			i++
			out.WriteByte(template[i])
		case ch == quote:
			quote = 0
		}
	}
	return out.String(), nil
}

// bound returns the value of a template's variable.
func bound(name string, values map[string]string, inQuotes bool) (string, error) {
	value, ok := values[name]
	if !ok {
		return "", bad("send it with the scope's extendedScopeParams, or correct the template", "the template asks for ${%s}, which this request does not give", oneLine(name, 80))
	}
	if err := checkFact("${"+oneLine(name, 80)+"}", value); err != nil {
		return "", err
	}
	if !inQuotes && (!bareWord.MatchString(value) || slices.Contains(promWords(), strings.ToLower(value))) {
		return "", bad("put ${"+name+"} between quotes in the template", "${%s}: %s may not stand outside quotes", oneLine(name, 80), quoted(value))
	}
	return value, nil
}

// promWords are the words by which a query goes on.
func promWords() []string {
	return []string{"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset", "group_left", "group_right", "atan2", "smoothed", "anchored"}
}

// scopeMatchers reads a scope as matchers: PromQL's own list, or app=checkout and
// version=v2 as in Argo's documentation. Labels are written as Prometheus has them.
func scopeMatchers(scope string) ([]queries.Matcher, error) {
	if strings.ContainsAny(scope, "\"'`") {
		return queries.ParseSelector(strings.Trim(strings.TrimSpace(scope), "{}"))
	}
	if err := checkNeeded("scope", scope); err != nil {
		return nil, err
	}
	var out []queries.Matcher
	for _, part := range strings.Split(strings.ReplaceAll(scope, ",", " and "), " and ") {
		word := matcherWord.FindStringSubmatch(strings.TrimSpace(part))
		if word == nil {
			return nil, bad("write it like app=checkout and version=v2, or give the metric a customInlineTemplate that uses ${scope}",
				"the scope %s is not a list of labels, and the metric has no template", quoted(scope))
		}
		out = append(out, queries.Matcher{Label: unLabel.ReplaceAllString(word[1], "_"), Op: queries.Op(word[2]), Value: word[3]})
	}
	return out, nil
}

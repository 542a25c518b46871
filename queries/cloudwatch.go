package queries

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cloudwatch reads one statistic of one metric, as CloudWatch's own words have it:
//
//	Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})
//	PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})
//	p99("Shop/Front End":Latency)
func (a *arithmetic) cloudwatch() meaning {
	p := Part{From: a.at}
	p.Func = a.while(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
	if p.Func == "" {
		return a.fail(`a question begins with its statistic, as in Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`)
	}
	if bounds := statisticBounds().FindString(a.text[a.at:]); bounds != "" && slices.Contains([]string{"PR", "TC", "TM", "TS", "WM"}, p.Func) {
		a.at += len(bounds)
		p.Func += bounds
	}
	if !statistic(p.Func) {
		return a.failAt(p.From, fmt.Sprintf("%q is no statistic of CloudWatch, such as Sum, SampleCount, Average, p99 or PR(0.5:); functions of metric math are not taken", p.Func))
	}
	if !a.must('(', "after the statistic "+p.Func) {
		return cannot("")
	}
	p.Space = a.word("namespace, such as AWS/ApplicationELB")
	if !a.must(':', "between the namespace and the metric") {
		return cannot("")
	}
	p.Name = a.word("metric's name")
	p.Dims = a.dims()
	if !a.must(')', "after the metric") {
		return cannot("")
	}
	p.To = a.at
	if len(p.Dims) > 30 {
		return a.failAt(p.From, "a metric has at most 30 dimensions")
	}
	return a.cloudwatchMeaning(p)
}

// cloudwatchMeaning says whether a statistic counts events.
func (a *arithmetic) cloudwatchMeaning(p Part) meaning {
	m := a.took(p)
	switch {
	case p.Func == "Sum":
		m.num[0].name = eventless(p.Name)
		return m
	case p.Func == "SampleCount", strings.HasPrefix(p.Func, "TC(") && !strings.Contains(p.Func, "%"):
		return m
	case strings.HasPrefix(p.Func, "PR("):
		// A percentage of the samples is a share of them.
		all := p
		all.Func = "SampleCount"
		return meaning{kind: aShare, single: true, num: m.num.times(100), den: terms{{selector: all.String(), name: p.Name, factor: 1}}}
	case isPercentile(p.Func):
		return cannot(p.Func + " of one block cannot be put together with that of another; PR(0.5:)(…) counts what is slower")
	}
	return cannot(p.Func + " loses how many events there were; Sum, SampleCount and PR(…) count them")
}

// word reads a name that is bare or quoted.
func (a *arithmetic) word(what string) string {
	a.space()
	from := a.at
	if a.at < len(a.text) && a.text[a.at] == '"' {
		text, err := strconv.QuotedPrefix(a.text[a.at:])
		if err == nil {
			a.at += len(text)
			if v, err := strconv.Unquote(text); err == nil && v != "" && len(v) <= 255 {
				return v
			}
		}
		a.failAt(from, "this quoted "+what+" cannot be read")
		return ""
	}
	w := a.while(isName)
	if w == "" || len(w) > 255 {
		a.failAt(from, "the "+what+" is missing")
	}
	return w
}

func statisticBounds() *regexp.Regexp {
	const number = `[0-9]+(?:\.[0-9]+)?%?`
	return regexp.MustCompile(`^\((?:` + number + `:` + number + `|` + number + `:|:` + number + `)\)`)
}

func isPercentile(f string) bool {
	return regexp.MustCompile(`^p[0-9]{1,2}(\.[0-9]{1,10})?$`).MatchString(f)
}

// statistic reports whether CloudWatch knows a statistic of this form.
func statistic(f string) bool {
	if name, bounds, found := strings.Cut(f, "("); found {
		percent := strings.Contains(bounds, "%")
		return name != "PR" || !percent // the rank of a percentage is a tautology
	}
	return slices.Contains([]string{"Sum", "SampleCount", "Average", "Minimum", "Maximum", "IQM"}, f) ||
		regexp.MustCompile(`^(p|tm|tc|ts|wm)[0-9]{1,2}(\.[0-9]{1,10})?$`).MatchString(f)
}

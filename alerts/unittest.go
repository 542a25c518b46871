package alerts

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// File is a file that belongs to a set.
type File struct {
	Name string
	Data []byte
}

// The types of promtool's unit tests.
type (
	testFile struct {
		RuleFiles []string       `yaml:"rule_files"`
		Every     model.Duration `yaml:"evaluation_interval"`
		Tests     []testCase     `yaml:"tests"`
	}
	testCase struct {
		Name   string         `yaml:"name"`
		Every  model.Duration `yaml:"interval"`
		Series []testSeries   `yaml:"input_series"`
		Expect []testExpr     `yaml:"promql_expr_test"`
	}
	testSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	testExpr struct {
		Expr    string         `yaml:"expr"`
		At      model.Duration `yaml:"eval_time"`
		Samples []testSample   `yaml:"exp_samples"`
	}
	testSample struct {
		Labels string  `yaml:"labels"`
		Value  float64 `yaml:"value"`
	}
)

// Tests returns the set's unit tests for promtool, beside the rule file: each alert
// fires in a world that is as it says, and in none that is well; and none fires after
// the deadline, where there is one. Alerts for which no such world could be written down are listed.
func (s Set) Tests() (files []File, untested []string, err error) {
	rules := []string{s.Name() + ".yml"}
	near := testFile{RuleFiles: rules, Every: model.Duration(s.times.every)}
	for _, a := range s.alerts {
		if len(a.quiet) > 0 {
			near.Tests = append(near.Tests, s.near(a, a.quiet, false))
		}
		if len(a.fires) == 0 {
			untested = append(untested, a.name+" "+a.metric+a.limit)
			continue
		}
		near.Tests = append(near.Tests, s.near(a, a.fires, true))
	}
	all := []struct {
		name string
		file testFile
	}{{s.Name() + "_test.yml", near}}
	if i := slices.IndexFunc(s.alerts, func(a alert) bool { return len(a.fires) > 0 && !a.fires.changes() }); i >= 0 && !s.standing {
		all = append(all, struct {
			name string
			file testFile
		}{s.Name() + "_deadline_test.yml", s.far(s.alerts[i], rules)})
	}
	for _, f := range all {
		var b bytes.Buffer
		fmt.Fprintf(&b, "# Unit tests of %s.yml: promtool test rules %s\n", s.Name(), f.name)
		if err := encode(&b, f.file); err != nil {
			return nil, nil, err
		}
		files = append(files, File{f.name, b.Bytes()})
	}
	return files, untested, nil
}

// firing counts an alert's firing series.
func (s Set) firing(a alert) string {
	pairs := []string{"alertname", a.name, "alertstate", "firing"}
	if !s.standing {
		pairs = append(pairs, "rollout", s.ID)
	}
	if a.metric != "" {
		pairs = append(pairs, "metric", a.metric)
	}
	if a.limit != "" {
		pairs = append(pairs, "limit", a.limit)
	}
	return counted(series("ALERTS", pairs...))
}

// counted counts series, and none as 0.
func counted(e parser.Expr) string {
	count := &parser.AggregateExpr{Op: parser.COUNT, Expr: e}
	return binary(parser.LOR, count, call("vector", number(0))).String()
}

// near is a world in which an alert fires, or does not, long before the deadline.
func (s Set) near(a alert, in scene, fires bool) testCase {
	every := s.times.every
	at := a.hold + time.Duration(early+4)*every
	at += a.after
	n := int(at/every) + 3
	c := testCase{Name: a.name + " " + a.metric + a.limit, Every: model.Duration(every)}
	want := 0.0
	if fires {
		want = 1
		c.Name += " fires"
	} else {
		c.Name += " is quiet"
	}
	for _, x := range in {
		c.Series = append(c.Series, testSeries{x.series, x.values(n)})
	}
	c.Expect = []testExpr{{s.firing(a), model.Duration(at), []testSample{{"{}", want}}}}
	return c
}

// farSteps is how many steps of a test lead from the epoch, at which promtool begins,
// to a rollout's deadline.
const farSteps = 40

// far is a world in which an alert would fire for ever, around the deadline.
func (s Set) far(a alert, rules []string) testFile {
	end := time.Duration(s.times.until.Unix()) * time.Second
	step := (end / farSteps).Round(time.Second)
	before := end / step * step
	if before == end {
		before -= step
	}
	c := testCase{Name: "nothing fires after the deadline", Every: model.Duration(step)}
	for _, x := range a.fires {
		c.Series = append(c.Series, testSeries{x.series, x.values(farSteps + 10)})
	}
	anything := counted(series("ALERTS", "alertstate", "firing", "rollout", s.ID))
	c.Expect = []testExpr{
		{s.firing(a), model.Duration(before), []testSample{{"{}", 1}}},
		// The first evaluation after it begins what keep_firing_for allows.
		{anything, model.Duration(before + 2*step), []testSample{{"{}", 0}}},
	}
	return testFile{RuleFiles: rules, Every: model.Duration(step), Tests: []testCase{c}}
}

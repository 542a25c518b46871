package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/plan"
)

// metricsAbove stands above a list of metrics: what such a list may refer to.
const metricsAbove = `service: x
source: prometheus
metrics:
- { name: errors, query: "sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))", required: true }
- { name: sessions, query: "sum(rate(sessions_total[1m]))" }
`

// fragment marks a fence as a part of a file that is not Serin's: it is read as YAML or
// JSON, and no more.
const fragment = "fragment"

// TestFencesAreRead reads every fence of YAML and JSON by what reads such a file: plans
// and parts of them, the server's configuration, controllers' manifests. Everything else
// says that it is a fragment.
func TestFencesAreRead(t *testing.T) {
	seen := map[string]int{}
	for _, p := range pages(t) {
		for _, f := range p.fences {
			kind, err := f.parse()
			if err != nil {
				t.Errorf("%s:%d: %v", f.page, f.line, err)
			}
			seen[kind]++
		}
	}
	for _, kind := range []string{"plan", "part of a plan", "configuration", "manifest", fragment, "JSON"} {
		if seen[kind] == 0 {
			t.Errorf("got %v, want a %s, too", seen, kind)
		}
	}
	t.Log(seen)
}

// parse reads a fence and says what it is.
func (f fence) parse() (string, error) {
	text := strings.Join(f.body, "\n") + "\n"
	switch {
	case f.lang == "json":
		if !json.Valid([]byte(text)) && f.mark != fragment {
			return "", errors.New("this is no JSON; mark the fence as a " + fragment + " where it is not meant to be whole")
		}
		return "JSON", nil
	case f.lang != "yaml" && f.lang != "yml":
		return "", nil
	}
	var docs []any
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		docs = append(docs, v)
	}
	if f.mark == fragment {
		return fragment, nil
	}
	if len(docs) == 0 {
		return "", errors.New("there is nothing in it")
	}
	if list, ok := docs[0].([]any); ok && len(list) > 0 {
		return "part of a plan", planned(metricsAbove + text)
	}
	m, _ := docs[0].(map[string]any)
	return f.parseMap(m, text)
}

func (f fence) parseMap(m map[string]any, text string) (string, error) {
	config := fieldsOf(reflect.TypeFor[app.Config]())
	is := func(known []string) bool {
		for k := range m {
			if !slices.Contains(known, k) {
				return false
			}
		}
		return len(m) > 0
	}
	switch {
	case m["apiVersion"] != nil && m["kind"] != nil:
		return "manifest", nil
	case m["service"] != nil:
		return "plan", planned(text)
	case m["alertmanager"] != nil:
		return "part of a plan", planned("service: x\nsource: prometheus\npreset: http\narms: { baseline: { labels: { a: b } }, canary: { labels: { a: c } } }\n" + text)
	case is([]string{"checks"}):
		return "part of a plan", planned("service: x\nsource: prometheus\ncomparison: checks\n" + text)
	case is([]string{"arms", "guarantee"}):
		return "part of a plan", planned("service: x\nsource: prometheus\npreset: http\n" + text)
	case is(config):
		_, err := app.Parse("serin.yaml", []byte(text))
		return "configuration", err
	}
	return "", fmt.Errorf("nothing of ours reads this; mark the fence as a %s where it belongs to somebody else's file", fragment)
}

// planned loads a plan. Commands are run by people's own calls only, and are read by the
// same loader.
func planned(text string) error {
	_, err := plan.Parse("plan", []byte(text))
	return err
}

// fieldsOf returns the keys of a file that is read into a type.
func fieldsOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		out = append(out, name)
	}
	return out
}

// TestBadFences makes sure that a fence which nothing reads is told.
func TestBadFences(t *testing.T) {
	for name, f := range map[string]fence{
		"no YAML":             {lang: "yaml", body: []string{"a: [1"}},
		"no JSON":             {lang: "json", body: []string{"{"}},
		"plan with a fault":   {lang: "yaml", body: []string{"service: x", "tolerence: 1"}},
		"part with a fault":   {lang: "yaml", body: []string{"checks:", "  - name: a", "    htpp: {}"}},
		"unknown":             {lang: "yaml", body: []string{"metadata: {}"}},
		"configuration fault": {lang: "yaml", body: []string{"listen: x", "limits: { lookz: 1 }"}},
		"nothing":             {lang: "yaml", body: nil},
	} {
		if kind, err := f.parse(); err == nil {
			t.Errorf("%s: got %q, want an error", name, kind)
		}
	}
}

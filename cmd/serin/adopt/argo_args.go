package adopt

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// argument is what is known of one argument of a template.
type argument struct {
	value  string
	known  bool
	secret bool
	side   side   // it is an arm's pod template hash
	fact   string // a fact of the arm instead of a value
	why    string // why it has no value
}

var (
	argoPart = regexp.MustCompile(`\{\{-?\s*args\.([A-Za-z0-9_.-]+)\s*-?\}\}`)
	// experimentHash is an experiment's own argument for the hash of its pods.
	experimentHash = regexp.MustCompile(`^\{\{\s*templates\.([A-Za-z0-9_-]+)\.podTemplateHash\s*\}\}$`)
	labelField     = regexp.MustCompile(`^metadata\.(labels|annotations)\['([^']+)'\]$`)
)

// arguments settles a template's arguments: the command line's, the Rollout's, the
// template's own.
func (d *rolloutDraft) arguments(own, given []tree) map[string]argument {
	out := map[string]argument{}
	for _, list := range [][]tree{own, given} {
		for _, t := range list {
			if !t.isMap() {
				continue
			}
			if name := t.get("name").text(); t.get("value").there() || t.get("valueFrom").there() {
				out[name] = d.argument(t)
			}
		}
	}
	for name, value := range d.a.options.Args {
		out[name] = argument{value: value, known: true}
	}
	return out
}

func (d *rolloutDraft) argument(t tree) argument {
	from := t.get("valueFrom")
	if from.there() {
		switch field := from.at("fieldRef", "fieldPath").text(); {
		case from.get("secretKeyRef").there():
			return argument{secret: true}
		case from.get("podTemplateHashValue").text() == "Latest":
			return argument{fact: "{{ .Hash }}", side: theCanary}
		case from.get("podTemplateHashValue").text() == "Stable":
			return argument{fact: "{{ .Hash }}", side: theBaseline}
		case field == "metadata.name" && d.name != "":
			return argument{value: d.name, known: true}
		case field == "metadata.namespace":
			return argument{fact: "{{ .Namespace }}"}
		case labelField.MatchString(field):
			m := labelField.FindStringSubmatch(field)
			if v := d.rollout.at("metadata", m[1], m[2]).text(); v != "" {
				return argument{value: v, known: true}
			}
			return argument{why: "comes from the Rollout's " + oneLine(cut(field, 80)) + ", which is not there"}
		default:
			return argument{why: "comes from the Rollout's " + oneLine(cut(field, 80)) + " when an analysis starts"}
		}
	}
	value := t.get("value").text()
	if m := experimentHash.FindStringSubmatch(value); m != nil {
		ref := d.experiments[m[1]]
		if ref == "stable" || ref == "" && regexp.MustCompile(`(?i)stable|baseline|control`).MatchString(m[1]) {
			return argument{fact: "{{ .Hash }}", side: theBaseline}
		}
		return argument{fact: "{{ .Hash }}", side: theCanary}
	}
	if strings.Contains(value, "{{") {
		return argument{why: "is known when an analysis starts"}
	}
	return argument{value: value, known: true}
}

// part says what an argument in a query stands for.
func (d *rolloutDraft) part(args map[string]argument, name string) (part, error) {
	a, given := args[name]
	lower := strings.ToLower(name)
	switch {
	case a.secret || secretive.MatchString(name):
		return part{}, fmt.Errorf("it needs the argument %s, which may be a credential", oneLine(cut(name, 60)))
	case a.fact != "":
		return part{fact: a.fact, side: a.side}, nil
	case a.known:
		fact, s, err := d.ofService(a.value)
		if err != nil || s != neither {
			return part{fact: fact, side: s}, err
		}
		return part{text: a.value}, nil
	case given && a.why != "":
		return part{}, fmt.Errorf("its argument %s %s", oneLine(cut(name, 60)), a.why)
	case strings.Contains(lower, "hash") && regexp.MustCompile(`stable|baseline|active|control`).MatchString(lower):
		return part{fact: "{{ .Hash }}", side: theBaseline}, nil
	case strings.Contains(lower, "hash"):
		return part{fact: "{{ .Hash }}", side: theCanary}, nil
	case strings.Contains(lower, "namespace"):
		return part{fact: "{{ .Namespace }}"}, nil
	}
	if whoseName.MatchString(name) && !whatName.MatchString(name) {
		return part{free: true}, nil
	}
	return part{}, fmt.Errorf("its argument %s has no value; add the file of the Rollout that gives it, or --arg %s=VALUE", oneLine(cut(name, 60)), oneLine(cut(name, 60)))
}

// whoseName is an argument that says whose series are asked for, as an arm does itself;
// whatName is one that says which of them.
var (
	whoseName = regexp.MustCompile(`(?i)service|svc|host|app|name|workload|deploy|rollout|target|domain|job|pod|canary|ingress|release`)
	whatName  = regexp.MustCompile(`(?i)metric|path|route|uri|url|status|code|method|quantile|percentile|threshold|limit|query|label`)
)

// ofService recognises the services that tell the arms apart, by name or by their
// name in the cluster.
func (d *rolloutDraft) ofService(value string) (fact string, s side, err error) {
	is := func(service string) bool {
		return service != "" && (value == service || strings.HasPrefix(value, service+"."))
	}
	switch {
	case d.canaryName == d.stableName:
		return "", neither, nil
	case is(d.canaryName) && d.stableName == "":
		return "", neither, errors.New("it asks for the canary's service, and the Rollout names no stableService to compare with")
	case is(d.canaryName):
		if !d.label("service", d.stableName+strings.TrimPrefix(value, d.canaryName), value) {
			return "", neither, errors.New("it calls the services by other names than another metric does")
		}
		return "{{ .Labels.service }}", theCanary, nil
	case is(d.stableName):
		return "", theBaseline, nil
	}
	return "", neither, nil
}

// ask reads a query. Istio's series as callers report them tell nothing of which pod
// answered; those of the called pods do.
func (d *rolloutDraft) ask(args map[string]argument, text string) (question, error) {
	reader := asker{
		placeholder: argoPart,
		resolve:     func(name, _ string) (part, error) { return d.part(args, name) },
		known: func(m queries.Matcher) (string, side, error) {
			if m.Op != queries.Equal && m.Op != queries.Match {
				return "", neither, nil
			}
			return d.ofService(m.Value)
		},
	}
	q, err := reader.ask(text)
	if err != nil || q.armed || !strings.Contains(q.reading.Query.Expr, "istio_") {
		return q, err
	}
	turned := false
	rewritten, err := q.reading.Query.Rewritten(func(m queries.Matcher) (queries.Matcher, bool) {
		if m.Label == "reporter" && m.Op == queries.Equal && m.Value == "source" {
			m.Value, turned = "destination", true
		}
		return m, true
	})
	if err != nil || !turned {
		return q, err
	}
	if q.reading, err = queries.Understand(rewritten); err != nil {
		return q, err
	}
	q.remarks = append(q.remarks, `Changed: reporter="source" became "destination": callers' series do not tell which pod answered, so the arms could not be told apart.`)
	return q, nil
}

// filled replaces arguments by their values, where all are known.
func filled(args map[string]argument, text string) (string, error) {
	var missing []string
	out := argoPart.ReplaceAllStringFunc(text, func(s string) string {
		name := argoPart.FindStringSubmatch(s)[1]
		a := args[name]
		if !a.known || a.secret || secretive.MatchString(name) {
			missing = add(missing, oneLine(cut(name, 60)))
			return s
		}
		return a.value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("it needs the argument %s", strings.Join(missing, " and "))
	}
	return out, nil
}

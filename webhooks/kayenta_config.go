package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/judge/aca"
)

// The judges that a canary config may name.
const (
	judgeSerin  = "serin"
	judgeRemote = "RemoteJudge-v1.0" // what Kayenta calls whoever answers POST /judge
)

const (
	maxKayentaMetrics = 200
	maxTemplate       = 16 << 10 // bytes, all of a config's together
)

// kayentaConfig is the part of a canary config that is read here. Fields that are not
// known are kept where a config is stored, and ignored otherwise, as Kayenta does.
type kayentaConfig struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Applications []string          `json:"applications"`
	Judge        kayentaJudge      `json:"judge"`
	Templates    map[string]string `json:"templates"`
	Metrics      []kayentaMetric   `json:"metrics"`

	rules aca.Config // the same config, as its judge reads it
}

// kayentaJudge names a judge.
type kayentaJudge struct {
	Name           string                     `json:"name"`
	Configurations map[string]json.RawMessage `json:"judgeConfigurations"`
}

// kayentaMetric is a metric of a canary config.
type kayentaMetric struct {
	Name      string       `json:"name"`
	Groups    []string     `json:"groups"`
	ScopeName string       `json:"scopeName"`
	Query     kayentaQuery `json:"query"`
}

// kayentaQuery is a metric's question to its store.
type kayentaQuery struct {
	Type                 string   `json:"type"`
	ServiceType          string   `json:"serviceType"` // the same, in older configs
	MetricName           string   `json:"metricName"`
	LabelBindings        []string `json:"labelBindings"`
	GroupByFields        []string `json:"groupByFields"`
	ResourceType         string   `json:"resourceType"`
	CustomFilter         string   `json:"customFilter"` // deprecated, and an error in Kayenta too
	CustomFilterTemplate string   `json:"customFilterTemplate"`
	CustomInlineTemplate string   `json:"customInlineTemplate"`
}

// kind is the store that is asked.
func (q kayentaQuery) kind() string {
	if q.Type != "" {
		return q.Type
	}
	return q.ServiceType
}

// kayentaName is what a canary config may be called.
var kayentaName = regexp.MustCompile(`^[a-zA-Z0-9_,.-]{1,200}$`)

// readKayentaConfig reads a canary config. What it is read for decides what else must
// be there.
func readKayentaConfig(data []byte) (kayentaConfig, error) {
	var c kayentaConfig
	if err := decode(data, &c, tolerant); err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c.rules); err != nil {
		return c, bad("correct the canary config", "%s", oneLine(err.Error(), 500))
	}
	return c, c.check()
}

// check refuses what no judge could make sense of.
func (c kayentaConfig) check() error {
	if len(c.Metrics) > maxKayentaMetrics {
		return bad("split the config", "metrics: more than %d", maxKayentaMetrics)
	}
	size, seen := 0, map[string]bool{}
	for name, t := range c.Templates {
		size += len(t)
		if len(name) > maxFact {
			return bad("shorten it", "templates: a name is longer than %d characters", maxFact)
		}
	}
	for i, m := range c.Metrics {
		at := fmt.Sprintf("metrics[%d]", i)
		if err := checkText(at+".name", m.Name); err != nil {
			return err
		}
		if seen[m.Name] {
			return bad("give each metric its own name", "%s.name: %s is taken", at, quoted(m.Name))
		}
		seen[m.Name] = true
		if m.Groups == nil {
			return bad("give a list of groups; an empty one counts the metric nowhere", "%s.groups: missing", at)
		}
		for _, g := range m.Groups {
			if err := checkText(at+".groups", g); err != nil {
				return err
			}
		}
		size += len(m.Query.CustomInlineTemplate)
	}
	if size > maxTemplate {
		return bad("shorten them", "the templates have %d bytes together, and may have %d", size, maxTemplate)
	}
	for group, w := range c.rules.Classifier.GroupWeights {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return bad("write a percentage", "classifier.groupWeights.%s: not a number", oneLine(group, 80))
		}
	}
	_, err := c.Judge.chosen()
	return err
}

// checkText checks a name that people see, which may have any printable characters.
func checkText(field, text string) error {
	switch {
	case text == "":
		return bad("give it", "%s: missing", field)
	case len(text) > maxFact || text != oneLine(text, maxFact):
		return bad("write one line without control characters or runs of blanks", "%s: %s cannot be a name", field, quoted(text))
	}
	return nil
}

// chosen returns the judge that decides. Kayenta's own name for a remote judge says
// nothing of which one is meant, so it may be chosen beside it; without that it is
// Serin's. Without any name it is Kayenta's judge, as in Kayenta.
func (j kayentaJudge) chosen() (string, error) {
	name := j.Name
	if name == judgeRemote {
		name = judgeSerin
		if raw, ok := j.Configurations["judge"]; ok {
			if err := json.Unmarshal(raw, &name); err != nil {
				return "", bad("write serin or "+aca.Name, "judge.judgeConfigurations.judge: not a text")
			}
		}
	}
	switch name {
	case judgeSerin, aca.Name:
		return name, nil
	case "":
		return aca.Name, nil
	}
	return "", bad("write serin or "+aca.Name, "judge.name: %s is not known here", quoted(name))
}

// storable refuses a config that could not be found again.
func (c kayentaConfig) storable() error {
	if !kayentaName.MatchString(c.Name) {
		return bad("write letters, digits, - _ and .", "name: %s is no name of a canary config", quoted(c.Name))
	}
	if c.ID != "" && !kayentaName.MatchString(c.ID) {
		return bad("leave it out for a new one", "id: %s is none", quoted(c.ID))
	}
	if len(c.Applications) == 0 {
		return bad("name at least one", "applications: missing")
	}
	if len(c.Applications) > maxFacts {
		return bad("name those that use it", "applications: more than %d", maxFacts)
	}
	for _, a := range c.Applications {
		if err := checkNeeded("applications", a); err != nil {
			return err
		}
	}
	return nil
}

// withoutNulls returns a JSON document without its nulls, which Kayenta never sends,
// and with the fields set that are given. Numbers keep their digits.
func withoutNulls(data []byte, set map[string]any) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read a document again: %w", err)
	}
	dropNulls(v)
	for name, value := range set {
		v[name] = value
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write a document: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// dropNulls removes nulls from objects and lists, in place where it can.
func dropNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if value == nil {
				delete(v, name)
				continue
			}
			v[name] = dropNulls(value)
		}
	case []any:
		kept := v[:0]
		for _, value := range v {
			if value != nil {
				kept = append(kept, dropNulls(value))
			}
		}
		return kept
	}
	return v
}

// unescaped undoes what Kayenta does to templates so that Spinnaker leaves them alone.
func unescaped(template string) string { return strings.ReplaceAll(template, `$\{`, `${`) }

package webhooks

import (
	"maps"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

const (
	maxFact  = 253                 // characters of a name, the longest that Kubernetes has
	skew     = time.Minute         // by which a caller's clock may be ahead
	maxAge   = 30 * 24 * time.Hour // of a rollout's start
	maxFacts = 64                  // labels of an arm, weights of an announcement
)

// kubeName is a Kubernetes object's name (RFC 1123 subdomain).
var kubeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// checkKube checks a name that must be a Kubernetes object's.
func checkKube(field, name string) error {
	switch {
	case name == "":
		return bad("give it", "%s: missing", field)
	case len(name) > maxFact || !kubeName.MatchString(name):
		return bad("write lower-case letters, digits, - and .", "%s: %s is not a Kubernetes name", field, quoted(name))
	}
	return nil
}

// checkFact checks a text that ends up in queries, logs and dashboards. Quotes and
// control characters are in no name that a store knows, but in every injection.
func checkFact(field, text string) error {
	if len(text) > maxFact {
		return bad("shorten it", "%s: longer than %d characters", field, maxFact)
	}
	for _, r := range text {
		if r == '"' || r == '\'' || r == '`' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return bad("remove the character", "%s: %s has the character %q, which no name may have", field, quoted(text), r)
		}
	}
	return nil
}

// checkNeeded is checkFact of a field that must be given.
func checkNeeded(field, text string) error {
	if text == "" {
		return bad("give it", "%s: missing", field)
	}
	return checkFact(field, text)
}

// checkArm checks what a caller says of one arm.
func checkArm(field string, a rollout.Arm) error {
	for _, f := range [...]struct{ name, text string }{
		{"namespace", a.Namespace}, {"workload", a.Workload}, {"hash", a.Hash}, {"version", a.Version},
	} {
		if err := checkFact(field+"."+f.name, f.text); err != nil {
			return err
		}
	}
	if err := checkPattern(field+".podPattern", a.PodPattern); err != nil {
		return err
	}
	if err := checkURL(field+".url", a.URL); err != nil {
		return err
	}
	if len(a.Labels) > maxFacts {
		return bad("keep those that tell the arms apart", "%s.labels: more than %d", field, maxFacts)
	}
	for name, value := range a.Labels {
		if err := checkNeeded(field+".labels", name); err != nil {
			return err
		}
		if err := checkFact(field+".labels."+name, value); err != nil {
			return err
		}
	}
	return nil
}

// checkPattern checks a regular expression over pod names.
func checkPattern(field, pattern string) error {
	if len(pattern) > 2*maxFact || strings.ContainsAny(pattern, "\"'`\n\r\x00") {
		return bad("shorten it, and use no quotes", "%s: not a pattern of pod names", field)
	}
	// Compiled by itself: what only compiles inside other parentheses leaves them.
	if _, err := regexp.Compile(pattern); err != nil {
		return bad("correct the regular expression (RE2)", "%s: %s", field, err)
	}
	return nil
}

// checkURL checks an address that checks may be sent to. Whether it may be reached
// is decided where it is dialled.
func checkURL(field, text string) error {
	if text == "" {
		return nil
	}
	const next = "write it like http://checkout-canary.shop:8080"
	u, err := url.Parse(text)
	if err != nil || len(text) > 2048 || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return bad(next, "%s: not an http or https URL", field)
	}
	if u.User != nil {
		return bad(next, "%s: a URL here may not carry credentials, since it is recorded and shown", field)
	}
	return nil
}

// checkPercent checks a weight.
func checkPercent(field string, percent float64) error {
	if math.IsNaN(percent) || percent < 0 || percent > 100 {
		return bad("write the canary's percentage of traffic", "%s: %v is not within 0 and 100", field, percent)
	}
	return nil
}

// readPercent reads a weight that was sent as text.
func readPercent(field, text string) (float64, error) {
	percent, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, bad("write a number from 0 to 100", "%s: %s is not a number", field, quoted(text))
	}
	return percent, checkPercent(field, percent)
}

// moment checks a caller's time: a clock that is ahead by less than a minute is
// taken for now, and what nobody can mean is refused. A zero time is now.
func moment(field string, t, now time.Time) (time.Time, error) {
	switch {
	case t.IsZero():
		return now, nil
	case t.After(now.Add(skew)):
		return t, bad("leave it out for now, or set the clocks", "%s: %s is in the future (this server's clock says %s)",
			field, t.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case t.Before(now.Add(-maxAge)):
		return t, bad("leave it out for now", "%s: %s is more than 30 days ago", field, t.UTC().Format(time.RFC3339))
	case t.After(now):
		return now, nil
	}
	return t.UTC(), nil
}

// podsOf returns the pattern of the pods of a Deployment: its name, the hash of a
// ReplicaSet and that of a pod.
func podsOf(deployment string) string {
	return regexp.QuoteMeta(deployment) + `-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`
}

// override replaces the facts that o gives, field by field; labels are merged.
func override(a, o rollout.Arm) rollout.Arm {
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&a.Namespace, o.Namespace}, {&a.Workload, o.Workload}, {&a.PodPattern, o.PodPattern},
		{&a.Hash, o.Hash}, {&a.Version, o.Version}, {&a.URL, o.URL},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if len(o.Labels) > 0 {
		labels := maps.Clone(a.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, o.Labels)
		a.Labels = labels
	}
	return a
}

// applyPlan lets the plan override what the dialect derived, and refuses arms that
// cannot be told apart: comparing a service with itself proves it not worse.
func applyPlan(r rollout.Rollout, p plan.Plan) (rollout.Rollout, error) {
	r.Plan = p.Name
	r.Baseline = override(r.Baseline, rollout.Arm(p.Arms.Baseline))
	r.Canary = override(r.Canary, rollout.Arm(p.Arms.Canary))
	if p.Comparison != "" {
		r.Comparison = rollout.Comparison(p.Comparison)
	}
	switch r.Comparison {
	case "":
		r.Comparison = rollout.Concurrent
	case rollout.Concurrent, rollout.ChecksOnly, rollout.BeforeAfter:
	default:
		return r, bad("write concurrent, checks or before-after", "comparison: %s is none", quoted(string(r.Comparison)))
	}
	if r.Comparison == rollout.Concurrent && same(r.Baseline, r.Canary) {
		return r, bad("name the baseline's and the canary's workload, pod pattern, hash or labels, in the request or in the plan's arms",
			"the baseline and the canary are the same: there is nothing to compare")
	}
	return r, nil
}

// same reports whether nothing by which a store could tell them apart differs.
func same(a, b rollout.Arm) bool {
	a.URL, b.URL = "", ""
	if len(a.Labels) == 0 && len(b.Labels) == 0 {
		a.Labels, b.Labels = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

// Package argo writes what Argo Rollouts is told of Serin: the AnalysisTemplates
// that ask it, and the entries of the notifications' ConfigMap that tell it what a
// Rollout does. The comments in the YAML say why each number is there.
package argo

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// The providers of Argo that can ask Serin.
const (
	Web     = "web"     // polls POST /argo/analysis
	Kayenta = "kayenta" // asks Serin's answer to Kayenta's API
	Plugin  = "plugin"  // Serin's own metric plugin
)

// The ways to ask by the web provider.
const (
	IdiomGate    = "a" // polls until there is an answer; Argo 1.8 or later
	IdiomPending = "b" // waits by errors; every version
	IdiomGuard   = "c" // in the background, for failure alone
)

// What a gate asks.
const (
	GatePromotion = "promotion"
	GateStep      = "step"
	GateGuard     = "guard"
)

const (
	// retry is after which time Argo measures again that had an error, whatever the
	// interval.
	retry = 10 * time.Second
	// timeout is how long Argo waits for one answer, and answer how soon Serin gives
	// one, with what it knows then. One of Argo's thirty workers waits with it.
	timeout = 20 * time.Second
	answer  = 18 * time.Second
)

// Secret is a key of a Secret in the Rollout's namespace. The zero Secret is none.
type Secret struct{ Name, Key string }

// ParseSecret reads a Secret that is written name/key.
func ParseSecret(text string) (Secret, error) {
	name, key, ok := strings.Cut(text, "/")
	if !ok || !object.MatchString(name) || !secretKey.MatchString(key) {
		return Secret{}, fmt.Errorf("%q is no key of a Secret; write name/key, for example serin/token", text)
	}
	return Secret{name, key}, nil
}

// object is the name of a Kubernetes object, and secretKey that of a Secret's key.
// Argo's notifications find the end of a key's name by its letters, so that a dot
// in it would be read as the end.
var (
	object    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	secretKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Template says which AnalysisTemplate is written.
type Template struct {
	Plan     plan.Plan
	Name     string        // default: serin-PLAN, for a guard serin-PLAN-guard
	Provider string        // default: Web
	Idiom    string        // of Web; default: IdiomGuard for a guard, else IdiomGate
	Gate     string        // default: GatePromotion, or GateGuard for IdiomGuard
	URL      string        // where the cluster reaches Serin; default: http://serin.serin
	Secret   Secret        // of the token; none: Serin is asked without
	Patience time.Duration // how long Serin may be away; default: ten minutes
	Command  string        // that asked for it, for the first lines
}

// complete fills in defaults and reports everything that cannot be meant.
func (t Template) complete() (Template, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if t.Provider == "" {
		t.Provider = Web
	}
	if t.Idiom == "" && t.Gate == GateGuard && t.Provider == Web {
		t.Idiom = IdiomGuard
	}
	if t.Idiom == "" && t.Provider == Web {
		t.Idiom = IdiomGate
	}
	switch {
	case t.Gate != "" || t.Provider != Web:
	case t.Idiom == IdiomGuard:
		t.Gate = GateGuard
	default:
		t.Gate = GatePromotion
	}
	switch {
	case t.Provider == Plugin && t.URL != "" && t.Secret == Secret{}:
		fault("--url is the administrator's with the plugin, unless the Rollout's namespace has a token of its own; give --secret too, or leave --url out")
	case !slices.Contains([]string{Web, Kayenta, Plugin}, t.Provider):
		fault("--provider %q is none; write web, kayenta or plugin", t.Provider)
	case t.Provider != Web && t.Idiom != "":
		fault("--idiom is a way to ask by the web provider; leave it out with %s, which is told when there is no answer yet", t.Provider)
	case t.Provider == Kayenta && t.Gate != "":
		fault("--gate is not known to Kayenta's API, which judges one span of time; leave it out, or use web or plugin")
	case t.Provider == Web && !slices.Contains([]string{IdiomGate, IdiomPending, IdiomGuard}, t.Idiom):
		fault("--idiom %q is none; write a, b or c", t.Idiom)
	case t.Provider == Web && (t.Idiom == IdiomGuard) != (t.Gate == GateGuard):
		fault("a guard never passes, so that only idiom c can ask for it, and nothing else by it; leave one of --idiom and --gate out")
	}
	if !slices.Contains([]string{"", GatePromotion, GateStep, GateGuard}, t.Gate) {
		fault("--gate %q is none; write promotion, step or guard", t.Gate)
	}
	if t.Name == "" {
		t.Name = objectName("serin-" + t.Plan.Name)
		if t.Gate == GateGuard {
			t.Name += "-guard"
		}
	}
	if !object.MatchString(t.Name) {
		fault("%q cannot be an AnalysisTemplate's name; give it one by --name, in lower-case letters, digits and -", t.Name)
	}
	if t.Patience == 0 {
		t.Patience = 10 * time.Minute
	}
	if t.Patience < retry || t.Patience > 24*time.Hour {
		fault("--patience %s is not between 10s and 24h", t.Patience)
	}
	var err error
	if t.URL, err = baseURL(t.URL); err != nil {
		faults = append(faults, err)
	}
	return t, errors.Join(faults...)
}

// YAML writes the AnalysisTemplate.
func (t Template) YAML() ([]byte, error) {
	t, err := t.complete()
	if err != nil {
		return nil, err
	}
	file := map[string]string{Web + IdiomGate: "gate", Web + IdiomPending: "pending", Web + IdiomGuard: "guard", Kayenta: "kayenta", Plugin: "plugin"}[t.Provider+t.Idiom]
	return write(file, numbersOf(t))
}

// baseURL checks an address that Serin is reached at.
func baseURL(text string) (string, error) {
	if text == "" {
		text = "http://serin.serin"
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(text, "{{") {
		return "", errors.New("--url is no address of a server; write it like http://serin.serin or https://serin.example.org")
	}
	if u.User != nil {
		return "", errors.New("--url may not carry credentials, since it is printed; name the token's Secret by --secret")
	}
	return strings.TrimRight(text, "/"), nil
}

// objectName brings a plan's name into the form of a Kubernetes object's.
func objectName(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, text)
	return strings.Trim(text, "-.")
}

// write fills in one of the manifests.
func write(file string, data any) ([]byte, error) {
	t := template.New(file+".yaml").Delims("[[", "]]").Option("missingkey=error").Funcs(template.FuncMap{"text": quote, "line": line})
	t, err := t.ParseFS(manifests, "manifests/"+file+".yaml", "manifests/parts.yaml")
	if err != nil {
		return nil, fmt.Errorf("the manifest %s cannot be read: %w", file, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("the manifest %s cannot be written: %w", file, err)
	}
	return b.Bytes(), nil
}

// quote writes a text as YAML. A JSON string is one.
func quote(text string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return strings.TrimSpace(b.String()), err
}

// line brings a text into one line, for comments.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

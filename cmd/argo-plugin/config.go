package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The times that a metric may change.
const (
	defaultTimeout  = 30 * time.Second
	maxTimeout      = 2 * time.Minute
	defaultPatience = 10 * time.Minute
	maxPatience     = 24 * time.Hour
)

// config is what a metric says under provider.plugin. Argo has replaced its
// {{args.…}} already, so that numbers may come as text.
type config struct {
	url      *url.URL // nil: the administrator's
	plan     string
	gate     gate // empty: what follows from the run's type
	token    string
	ca       string // PEM
	timeout  time.Duration
	patience time.Duration

	weight, comparison           string
	rollout, uid, revision, step string
	canaryHash, stableHash       string
	canary, baseline             *arm
	timeoutGiven                 bool
}

// arm overrides facts of one side, as Serin's API has them.
type arm struct {
	Namespace  string            `json:"namespace,omitempty"`
	Workload   string            `json:"workload,omitempty"`
	PodPattern string            `json:"podPattern,omitempty"`
	Hash       string            `json:"hash,omitempty"`
	Version    string            `json:"version,omitempty"`
	URL        string            `json:"url,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// reader reads one field's value.
type reader func(json.RawMessage) error

// readConfig reads a metric's configuration. Unknown fields are refused, and all
// faults come at once, each with its field. No value is repeated in a fault, since a
// token may stand in the wrong field.
func readConfig(raw json.RawMessage) (config, error) {
	c := config{timeout: defaultTimeout, patience: defaultPatience}
	fields := map[string]reader{
		"plan": textTo(&c.plan), "weight": textTo(&c.weight), "comparison": textTo(&c.comparison), "token": textTo(&c.token), "ca": textTo(&c.ca),
		"rollout": textTo(&c.rollout), "uid": textTo(&c.uid), "revision": textTo(&c.revision), "step": textTo(&c.step),
		"canaryHash": textTo(&c.canaryHash), "stableHash": textTo(&c.stableHash),
		"gate": textTo((*string)(&c.gate)),
		"url": func(b json.RawMessage) error {
			text, err := readText(b)
			if err == nil {
				c.url, err = readURL(text)
			}
			return err
		},
		"timeout": func(b json.RawMessage) error {
			c.timeoutGiven = true
			return readDuration(b, &c.timeout, time.Second, maxTimeout)
		},
		"patience": func(b json.RawMessage) error { return readDuration(b, &c.patience, 0, maxPatience) },
		"canary":   func(b json.RawMessage) error { c.canary = &arm{}; return c.canary.read(b) },
		"baseline": func(b json.RawMessage) error { c.baseline = &arm{}; return c.baseline.read(b) },
	}
	err := errors.Join(readObject(raw, fields), c.check())
	if err != nil {
		return config{}, fmt.Errorf("the metric's configuration: %w", flat(err))
	}
	return c, nil
}

// check finds values that cannot be meant.
func (c *config) check() error {
	var faults []error
	if c.gate != "" && !slices.Contains(gates(), c.gate) {
		faults = append(faults, fmt.Errorf("gate: write one of %v, or leave it out", gates()))
	}
	if !slices.Contains([]string{"", "concurrent", "checks", "before-after"}, c.comparison) {
		faults = append(faults, errors.New("comparison: write concurrent, checks or before-after"))
	}
	if c.weight != "" {
		if w, err := strconv.ParseFloat(c.weight, 64); err != nil || !(w >= 0 && w <= 100) {
			faults = append(faults, errors.New("weight: write a number from 0 to 100"))
		}
	}
	if c.ca != "" {
		if _, err := rootsWith(c.ca); err != nil {
			faults = append(faults, fmt.Errorf("ca: %w", err))
		}
		if c.token == "" {
			faults = append(faults, errors.New("ca: it is for a token of the metric's own; the administrator's has --ca-file"))
		}
	}
	if c.token != "" {
		if _, err := oneToken("token", c.token); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// textTo reads a text into a variable.
func textTo(to *string) reader {
	return func(b json.RawMessage) (err error) {
		*to, err = readText(b)
		return err
	}
}

// readObject reads one JSON object field by field, each once.
func readObject(raw json.RawMessage, fields map[string]reader) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return errors.New("a JSON object is expected")
	}
	var faults []error
	seen := map[string]bool{}
	for dec.More() {
		name, _ := dec.Token() // a syntax error is found by the next read
		field, _ := name.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return errors.Join(append(faults, errors.New("that is not JSON"))...)
		}
		read, known := fields[field]
		switch {
		case !known:
			faults = append(faults, fmt.Errorf("%s: unknown field; known here are %s", shorten(field, 60), strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
		case seen[field]:
			faults = append(faults, fmt.Errorf("%s: given twice", field))
		default:
			faults = append(faults, within(field, read(value)))
		}
		seen[field] = true
	}
	if _, err := dec.Token(); err != nil || len(bytes.TrimSpace(raw[dec.InputOffset():])) > 0 {
		faults = append(faults, errors.New("that is not one JSON object"))
	}
	return errors.Join(faults...)
}

// within puts a field before each of its faults.
func within(field string, err error) error {
	if err == nil {
		return nil
	}
	var out []error
	for line := range strings.Lines(err.Error()) {
		out = append(out, fmt.Errorf("%s: %s", field, strings.TrimSpace(line)))
	}
	return errors.Join(out...)
}

// flat writes joined errors in one line: a measurement's message has no others.
func flat(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

var placeholder = regexp.MustCompile(`\{\{.*\}\}`)

// readText reads a text, or a number, which a person may have written instead.
func readText(b json.RawMessage) (string, error) {
	var text string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return "", errors.New("that is no text")
		}
	} else {
		var number json.Number
		if err := json.Unmarshal(b, &number); err != nil || number == "" {
			return "", errors.New("a text is expected")
		}
		text = number.String()
	}
	switch {
	case placeholder.MatchString(text):
		return "", errors.New("the template has no such argument")
	case len(text) > 64<<10:
		return "", errors.New("longer than 64 KiB")
	}
	return text, nil
}

func readDuration(b json.RawMessage, to *time.Duration, least, most time.Duration) error {
	text, err := readText(b)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return fmt.Errorf("write a duration from %s to %s, like 30s", least, most)
	}
	*to = d
	return nil
}

// read reads an arm.
func (a *arm) read(b json.RawMessage) error {
	return readObject(b, map[string]reader{
		"namespace": textTo(&a.Namespace), "workload": textTo(&a.Workload), "podPattern": textTo(&a.PodPattern),
		"hash": textTo(&a.Hash), "version": textTo(&a.Version), "url": textTo(&a.URL),
		"labels": func(b json.RawMessage) error {
			if json.Unmarshal(b, &a.Labels) != nil || a.Labels == nil {
				return errors.New("an object of texts is expected")
			}
			return nil
		},
	})
}

package notify

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// mostText bounds what a template may write, in bytes.
const mostText = 8 << 10

var errTooLong = errors.New("the text is longer than 8 KiB")

// bounded is a text that refuses to grow beyond [mostText].
type bounded struct{ strings.Builder }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostText {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

// wrote is what text/template writes around its errors.
var wrote = regexp.MustCompile(`^template: text:`)

// readTemplate reads a template and tries it with a notice that has everything, so that a
// field that does not exist is found at the start.
func readTemplate(text string) (*template.Template, error) {
	t, err := template.New("text").Parse(text)
	if err == nil {
		_, err = write(t, example())
	}
	if err != nil {
		return nil, errors.New(wrote.ReplaceAllString(err.Error(), "line "))
	}
	return t, nil
}

// write executes a template.
func write(t *template.Template, n Notice) (string, error) {
	var b bounded
	if err := t.Execute(&b, n); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// example is a notice of a canary that fails, to try templates with.
func example() Notice {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Notice{
		Target: "example", ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "v2", Controller: "api", Plan: "checkout", Ref: "d-1", Attempt: 1,
		Outcome: "rollback", Proven: true, Final: true, Tone: "bad", Mark: "✗", Headline: "Roll back: checkout in shop, revision v2",
		Sentence: "errors 5 %, baseline 0.5 %", Page: "look", Report: "https://serin.example.org/r/abcdefghijklmnop", Dashboard: "https://grafana.example.org/d/x",
		Findings: []Finding{{Name: "errors", Class: "worse", Mark: "✗", Canary: "5 %", Baseline: "0.5 %", Ratio: "10×", Odds: "84:1", Reason: "errors 5 %"}},
		Facts:    []Fact{{"Revision", "v2"}}, Look: 7, Started: at, At: at.Add(10 * time.Minute),
	}
}

// readLine reads a template of one line, such as the name of a repository.
func readLine(text string) (*template.Template, error) {
	t, err := readTemplate(text)
	if err != nil {
		return nil, err
	}
	line, err := write(t, example())
	if err != nil || line == "" || strings.ContainsAny(line, "\n\r") {
		return nil, fmt.Errorf("%.80q does not make one line", text)
	}
	return t, nil
}

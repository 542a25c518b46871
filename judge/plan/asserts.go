package plan

import (
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/checks"
)

// maxAsserts bounds the assertions of one check.
const maxAsserts = 50

// asserts checks the types of a check's assertions.
func (b *builder) asserts(texts []string, path string) []string {
	if len(texts) > maxAsserts {
		b.at(path, "has %d assertions; write at most %d", len(texts), maxAsserts)
		return nil
	}
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", path, i)
		if b.faulty(at) {
			continue
		}
		if _, err := checks.CompileAssertion(text); err != nil {
			b.at(at, "is no assertion that can be used: %s", err)
		}
	}
	return texts
}

// form checks the fields that a check sends.
func (b *builder) form(h httpFile, out *checks.HTTP, path string) {
	if out.Form = h.Form; len(h.Form) == 0 {
		return
	}
	switch {
	case h.Body != nil:
		b.at(path+".form", "cannot be sent beside body; keep one of them")
	case out.Method == "GET" || out.Method == "HEAD":
		b.at(path+".form", "cannot be sent by %s; use post, or write the fields in the URL", out.Method)
	}
	for name, text := range h.Form {
		b.template(path+".form."+name, text)
	}
}

// redirectsText is how many redirects are followed: follow, never or a number.
type redirectsText int

const mostRedirects = 10

func (t *redirectsText) parse(n *yaml.Node) error {
	switch n.Value {
	case "follow":
		*t = 3
		return nil
	case "never":
		*t = 0
		return nil
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < 0 || v > mostRedirects || n.ShortTag() != "!!int" {
		return errors.New(strconv.Quote(n.Value) + " is not follow, never or a number from 0 to " + strconv.Itoa(mostRedirects))
	}
	*t = redirectsText(v)
	return nil
}

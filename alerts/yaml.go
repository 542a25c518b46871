package alerts

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// header says whose file it is. It holds nothing that changes from one writing to the
// next.
const header = "# Written by Serin for rollout %s, and taken away by it when the rollout is over.\n"

// ownHeader is that of the rules about Serin itself.
const ownHeader = "# Written by serin export mixin. These rules watch Serin itself.\n"

// YAML writes a rule file. The same set gives the same bytes.
func (s Set) YAML() ([]byte, error) {
	var b bytes.Buffer
	if s.standing {
		b.WriteString(ownHeader)
	} else {
		fmt.Fprintf(&b, header, s.ID)
	}
	if err := encode(&b, rulefmt.RuleGroups{Groups: []rulefmt.RuleGroup{s.Group}}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// GroupYAML writes the group alone, as Mimir's ruler takes it.
func (s Set) GroupYAML() ([]byte, error) {
	var b bytes.Buffer
	if err := encode(&b, s.Group); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encode(b *bytes.Buffer, v any) error {
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	return e.Close()
}

// Check reads a rule file as strictly as Prometheus does, and as an old one does:
// names that only newer versions accept are refused.
func Check(text []byte) error {
	_, errs := rulefmt.Parse(text, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		return fmt.Errorf("alerts: the rules are not valid: %w", errors.Join(errs...))
	}
	return nil
}

// Readable says what keeps a Prometheus, of whatever version, from reading a rule file
// that somebody else wrote: names may be newer than those of [Check], fields unknown.
func Readable(text []byte) error {
	_, errs := rulefmt.Parse(text, true, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	return errors.Join(errs...)
}

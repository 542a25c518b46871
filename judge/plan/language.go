package plan

import (
	"time"

	"github.com/serin-canary/serin/queries"
)

// language is that of the plan's queries.
func (b *builder) language() queries.Lang {
	return queries.Lang(value(b.f.Language, string(queries.PromQL)))
}

// UsualLag is how long after its end a block is taken as closed by default. Stores that
// gather from others show a minute later: what comes after a block was frozen is counted
// in none, and failures that come later than their requests would be 0 of many.
func UsualLag(l queries.Lang) Duration {
	switch l {
	case queries.CloudWatch:
		return Duration(3 * time.Minute)
	case queries.Datadog:
		return Duration(2 * time.Minute)
	}
	return Duration(defaultLag)
}

// foreign refuses a preset whose queries the plan's source does not speak.
func (b *builder) foreign(path, preset string) bool {
	if b.language() == queries.PromQL || b.faulty("language") {
		return false
	}
	b.at(path, "preset %s asks in PromQL, and language says that this plan asks in %s; write the metrics yourself, as docs/sources.md shows",
		preset, languageName(b.language()))
	return true
}

// languageName is how people call a language.
func languageName(l queries.Lang) string {
	switch l {
	case queries.PromQL:
		return "PromQL"
	case queries.Datadog:
		return "a Datadog query"
	case queries.CloudWatch:
		return "a CloudWatch query"
	case queries.JSON:
		return "an http-json query"
	}
	return "a query"
}

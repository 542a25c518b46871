package plan

import "github.com/serin-canary/serin/queries"

// language is that of the plan's queries.
func (b *builder) language() queries.Lang {
	return queries.Lang(value(b.f.Language, string(queries.PromQL)))
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

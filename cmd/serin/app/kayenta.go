package app

import (
	"github.com/serin-canary/serin/webhooks"
)

// Kayenta configures what callers of Kayenta's API may do.
type Kayenta struct {
	// Queries is allow or refuse (default). Canary configs of callers hold PromQL, which
	// reads whatever the source's own credentials can read.
	Queries string `yaml:"queries"`
}

func (k Kayenta) check(fault func(path, format string, args ...any)) {
	switch k.Queries {
	case "", "allow", "refuse":
	default:
		fault("kayenta.queries", "%q is neither; write allow or refuse", k.Queries)
	}
}

// kayenta is what the front needs for Kayenta's callers.
func (a *App) kayenta() webhooks.Kayenta {
	sources := a.sources.ByName()
	for name, s := range sources {
		sources[name] = a.tracing.source(name, s)
	}
	return webhooks.Kayenta{Documents: a.journal, Sources: sources, Queries: a.config.Kayenta.Queries == "allow"}
}

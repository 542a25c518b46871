package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

const (
	// month is what an objective is promised over.
	month = 30 * 24 * time.Hour
	// burnt is the share of a month's error budget that one rollout may burn.
	burnt = 0.02
)

// burn adds the alert that the canary burns the service's error budget too fast: as
// if its errors went on for the long range, they would use up more than a fiftieth of
// the month's budget. What the canary's errors cost grows with its share of the
// traffic, which is measured. Both ranges must agree.
//
// Budget per event is 1−o of an objective o. Over a range d a service of rate r has
// r·d events of the month's r·30 d, so that errors in a share e of the canary's
// events, of which the service has a share w, burn e·w/(1−o) · d/30 d of the budget.
func (b *builder) burn(w watched) {
	if w.Objective <= 0 || w.canary.Kind != queries.Ratio {
		return
	}
	e := both(b.burning(w, b.t.short), b.burning(w, b.t.long))
	e = both(e, b.enough(w, b.t.short)...)
	title := w.Title
	if title == "" {
		title = w.Name
	}
	b.alert(alert{
		name: "CanaryErrorBudgetBurn", metric: w.Name, severity: Page, expr: e, hold: b.t.hold, keep: b.t.keep,
		summary: "the canary burns the month's error budget",
		description: fmt.Sprintf("%s: {{ $value | humanizePercentage }} of all events fail because of the canary. At this pace it uses %s%% of the budget of 30 days (objective %s%%) within %s.",
			plain(title), decimal(100*burnt), decimal(100*w.Objective), span(b.t.long)),
		fires: b.comparison(w, 0, 1), quiet: b.comparison(w, 0, 0),
	})
}

// burning is the canary's failed events as a share of all events, where it is too
// high. Ranges are short, so that the burn may be fast.
func (b *builder) burning(w watched, d time.Duration) parser.Expr {
	canary, baseline := b.recorded(w, partRequests, armCanary, d), b.recorded(w, partRequests, armBaseline, d)
	share := binary(parser.DIV, canary, binary(parser.ADD, canary, baseline))
	lost := binary(parser.MUL, b.recorded(w, partValue, armCanary, d), share)
	pace := burnt * float64(month) / float64(b.t.long) * (1 - w.Objective)
	return binary(parser.GTR, lost, number(pace))
}

package alerts

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// Alarms of the judge are too many where they are twice as many as are allowed, and as
// many would come by chance in one of a hundred cases at most: of few rollouts nothing
// can be said.
const (
	tooMany    = 2
	unlikely   = 0.01
	alarmsHold = time.Hour
)

// falseAlarms adds the alerts that the judge itself raises more alarms about what is
// healthy than its plans allow.
func (m mixin) falseAlarms() []alert {
	const prefix = "serin_selfcheck_"
	one := func(name, what string, by ...string) alert {
		alarms, allowed, chance := m.of(prefix+what+"alarms"), m.of(prefix+what+"allowed"), m.of(prefix+what+"chance")
		whole := func(e parser.Expr) parser.Expr { return aggregate(parser.MAX, e, by...) }
		beyond := alike(parser.GTR, whole(alarms), binary(parser.MUL, whole(allowed), number(tooMany)))
		return alert{
			name: name, severity: Ticket, hold: alarmsHold,
			expr:  alike(parser.LAND, beyond, binary(parser.LSS, whole(chance), number(unlikely))),
			fires: m.scene(told{v: alarms, value: 9}, told{v: allowed, value: 3}, told{v: chance, value: 0.004}),
			quiet: m.scene(told{v: alarms, value: 2}, told{v: allowed, value: 0.5}, told{v: chance, value: 0.09}),
		}
	}
	all, each := one("SerinFalseAlarms", "", "of"), one("SerinMetricFalseAlarms", "metric_", "of", "metric")
	all.summary = "it raises more false alarms than its plans allow"
	all.description = "{{ $value }} of the last rollouts ({{ $labels.of }}) had evidence that rolls back where nothing was wrong, more than twice what alpha allows. Canaries that are fine are rolled back; the board of all rollouts says by which metric."
	each.summary = "one metric raises more false alarms than its plans allow"
	each.description = "{{ $labels.metric }}: {{ $value }} of the last rollouts ({{ $labels.of }}) had evidence that rolls back where nothing was wrong. Its noise is not what the judge takes it for: give it more tolerance, a longer pre-period, or no weight."
	return []alert{all, each}
}

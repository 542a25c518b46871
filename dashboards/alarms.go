package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// alarmsRow shows how often the judge raised an alarm where nothing was wrong, beside how
// often its plans allow it to.
func (s Standing) alarmsRow(sh *sheet) {
	const placebo = "placebo"
	metric := func(name string, by []string, pairs ...string) string {
		return s.metric("serin_selfcheck_"+name, by, pairs...)
	}
	sh.row(40, "False alarms, measured", false)
	sh.put(41, 8, 8, panel{
		key: "false alarms", title: "False rollbacks, and the budget spent", unit: "short", noValue: notHere, decimals: cog.ToPtr(2.0),
		description: "As each rollout ends, some of its baseline's pods are judged as if they were the canary. They run what the others run, so that a rollback would be a false one. The budget is the sum of the plans' α: on average there may be as many. Of the newest 500 rollouts of 90 days.",
		targets: []target{
			{expr: metric("alarms", nil, "of", placebo), legend: "false rollbacks of placebos"},
			{expr: metric("allowed", nil, "of", placebo), legend: "allowed: Σα"},
		},
		overrides: []override{
			{"false rollbacks of placebos", []dashboard.DynamicConfigValue{fixed(red)}}, {"allowed: Σα", dashed(grey)},
		},
	})
	sh.put(42, 8, 8, panel{
		key: "false alarms by metric", title: "Share with decisive evidence, by metric", unit: "percentunit", noValue: "no rollout yet",
		max: cog.ToPtr(0.1), decimals: cog.ToPtr(1.0),
		description: "How many of a hundred placebos had evidence of one metric alone that rolls back. Above α (5 % by default) the metric's noise is not what the judge takes it for.",
		targets: []target{{
			expr:   metric("metric_alarms", []string{"metric"}, "of", placebo) + " / (" + metric("metric_rollouts", []string{"metric"}, "of", placebo) + " > 0)",
			legend: "{{metric}}",
		}},
	})
	sh.fill(4, 4, []uint32{43, 44, 45, 46}, []panel{
		s.count("Placebos judged", "Rollouts in which pods of the baseline could be judged as the canary. Below 20 the numbers beside say little.", metric("rollouts", nil, "of", placebo), steps(blue)),
		s.count("False rollbacks", "Placebos that would have been rolled back.", metric("alarms", nil, "of", placebo), steps(green, 1.0, yellow)),
		s.chance(metric("chance", nil, "of", placebo)),
		s.count("Rollbacks reversed", "Rollbacks that a person overruled: the canary was promoted despite harm.", metric("reversed", nil), steps(green, 1.0, yellow)),
	})
}

// chance is how likely so many false alarms are.
func (s Standing) chance(expr string) panel {
	p := s.count("Chance of so many", "How likely so many false rollbacks are, or more, if each came with probability α. Below 1 % the promise does not hold any more.", expr, steps(red, 0.01, green))
	p.unit, p.decimals = "percentunit", cog.ToPtr(1.0)
	return p
}

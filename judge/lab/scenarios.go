package lab

// Scenarios lists the scenarios in the order of the tables.
func Scenarios() []Scenario {
	var out []Scenario
	for _, some := range [...][]Scenario{effects(), margins(), traps(), trafficTraps(), latencyTraps()} {
		out = append(out, some...)
	}
	return out
}

func effects() []Scenario {
	return []Scenario{
		{Name: "aa", About: "nothing is wrong"},
		bad("errors-x1.5", "errors 0.2% -> 0.3%", effect{errorsTimes: 1.5}),
		bad("errors-x2", "errors 0.2% -> 0.4%", effect{errorsTimes: 2}),
		bad("errors+0.5pp", "errors 0.2% -> 0.7%", effect{errorsPlus: .005}),
		bad("errors+1pp", "errors 0.2% -> 1.2%", effect{errorsPlus: .01}),
		bad("errors+2pp", "errors 0.2% -> 2.2%", effect{errorsPlus: .02}),
		bad("errors+5pp", "errors 0.2% -> 5.2%", effect{errorsPlus: .05}),
		bad("latency-x1.2", "every request 20% slower", effect{latencyTimes: 1.2}),
		bad("latency-x1.3", "every request 30% slower", effect{latencyTimes: 1.3}),
		bad("latency-x1.5", "every request 50% slower", effect{latencyTimes: 1.5}),
		bad("latency-x2", "every request twice as slow", effect{latencyTimes: 2}),
		bad("tail", "2% of the requests ten times as slow", effect{tail: .02}),
		bad("cpu-x1.3", "30% more CPU", effect{cpuTimes: 1.3}),
		bad("leak", "CPU grows by 60% over the hour", effect{cpuTimes: 1.6, ramp: true}),
		bad("step-30", "+2pp errors and 50% slower from minute 30 on: after most promotions", effect{errorsPlus: .02, latencyTimes: 1.5, start: 30}),
	}
}

func bad(name, about string, e effect) Scenario {
	return Scenario{Name: name, About: about, Bad: true, effect: e}
}

// margins have an effect exactly at the default promote margin of one metric: to
// promote them is a false promotion.
func margins() []Scenario {
	return []Scenario{
		bad("margin-errors", "errors exactly at the promote margin (50% + 0.5pp)", effect{errorsTimes: 1.5, errorsPlus: .005}),
		bad("margin-latency", "latency exactly at the promote margin (50%)", effect{latencyTimes: 1.5}),
		bad("margin-cpu", "CPU exactly at the promote margin (50%)", effect{cpuTimes: 1.5}),
		bad("strict-errors", "errors exactly at the strict margin (25% + 0.2pp)", effect{errorsTimes: 1.25, errorsPlus: .002}),
		bad("strict-latency", "latency exactly at the strict margin (25%)", effect{latencyTimes: 1.25}),
		bad("strict-cpu", "CPU exactly at the strict margin (25%)", effect{cpuTimes: 1.25}),
	}
}

func healthy(name, about string, t trap) Scenario {
	return Scenario{Name: name, About: "healthy; " + about, trap: t}
}

// and returns the same service with an ill canary.
func (s Scenario) and(suffix, about string, e effect) Scenario {
	s.Name, s.About, s.Bad, s.effect = s.Name+suffix, about, true, e
	return s
}

// traps are healthy canaries that look ill to a careless judge.
func traps() []Scenario {
	high := healthy("limits-10", "10% errors on both arms, and the limits of the presets: 20% errors, 25% throttled", trap{base: .10, throttled: true})
	split := healthy("split", "5, 25, 50% of the traffic while the base rate triples", trap{split: true})
	return []Scenario{
		healthy("sawtooth", "memory in the place of CPU, a sawtooth for each pod", trap{gauge: sawtoothShape}),
		healthy("queue", "a queue in the place of CPU, mostly empty", trap{gauge: queueShape}),
		healthy("missing", "5% of the scrapes are missing", trap{missing: .05}),
		healthy("restarts", "pods are replaced every two hours", trap{restarts: 1.0 / 120}),
		split,
		split.and("+1pp", "the same with errors +1pp", effect{errorsPlus: .01}),
		healthy("cold-start", "three times as slow in its first three minutes", trap{cold: true, defaultUp: true}),
		healthy("fresh-baseline", "the baseline's pods start with the canary's: no hour before", trap{fresh: true}),
		healthy("both-arms", "both arms fail five times as often from minute 20 on", trap{bothArms: true}),
		high,
		healthy("limits-12", "the same at 12% errors", trap{base: .12, throttled: true}),
		healthy("limits-15", "the same at 15% errors", trap{base: .15, throttled: true}),
		high.and("+15pp", "errors 10% -> 25%", effect{errorsPlus: .15}),
	}
}

// trafficTraps are about who sends what to whom.
func trafficTraps() []Scenario {
	const utilisation = "a canary pod gets 2.5 times the load of another; CPU is judged"
	storm := healthy("client-errors", "client errors on both arms six times as frequent from minute 5 on", trap{clients: everyClient})
	users := healthy("sticky-users", "errors come in bursts of single users, who stay with their pod", trap{sticky: stickyUsers})
	load := healthy("load-x2.5", utilisation+" for each request", trap{load: 2.5, gauge: costShape})
	cost := healthy("cpu-cost", "CPU is judged for each request", trap{gauge: costShape})
	births := healthy("births", "series appear with their first error, of twenty kinds for each pod", trap{loss: true})
	return []Scenario{
		storm,
		storm.and("+2pp", "the same with server errors +2pp", effect{errorsPlus: .02}),
		healthy("client-storm", "one client of the canary sends nonsense from minute 5 on: 3% -> 20% client errors", trap{clients: oneClient}),
		users,
		users.and("+2pp", "the same with errors +2pp", effect{errorsPlus: .02}),
		healthy("sticky-canary", "as many errors on both arms, those of the canary in bursts", trap{sticky: stickyCanary}),
		load,
		load.and("+2pp", "the same with errors +2pp", effect{errorsPlus: .02}),
		healthy("load-x2.5-busy", utilisation+" by utilisation, which is no fair question", trap{load: 2.5}),
		cost,
		cost.and("-x1.3", "30% more CPU for each request", effect{cpuTimes: 1.3}),
		births,
		births.and("+1pp", "the same with errors +1pp", effect{errorsPlus: .01}),
	}
}

// latencyTraps are about what a histogram hides.
func latencyTraps() []Scenario {
	tight := healthy("tight", "every request takes 70 ms: one bucket", trap{latency: tightShape})
	bimodal := healthy("bimodal", "requests take 30 or 105 ms", trap{latency: bimodalShape})
	return []Scenario{
		tight,
		tight.and("-x2", "70 -> 140 ms: one bucket further", effect{latencyTimes: 2}),
		bimodal,
		bimodal.and("-x1.5", "30 -> 45 and 105 -> 158 ms: no request changes its bucket", effect{latencyTimes: 1.5}),
		bad("buckets", "every request falls one bucket higher", effect{buckets: true}),
	}
}

// Package power says how small a regression a plan can find, and how soon it can
// promote a healthy canary, before any canary runs.
//
// It simulates rollouts and lets the product's own engine, [judge.Evaluate], judge
// them: block by block, with the plan's tolerances, margins, weights and warm-up,
// and with what is known of the baseline (a [judge.Prior], measured or assumed). The
// formulas of stats/sequential only say where to begin the search.
//
// A simulated service is simpler than a real one. Within a block and an arm counts
// are negative binomial with the prior's dispersion; latencies keep the shape of the
// prior's histogram and are stretched from block to block by an AR(1) series; every
// rollout draws anew how lucky its pods are. There is no drift, no outage and no
// burst that hits both arms: the comparison is within blocks and hardly feels them,
// but a real rollout may take a little longer.
//
// Everything is a function of the configuration: the seeds are derived from it.
package power

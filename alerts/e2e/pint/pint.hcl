# What pint says of Serin's rules and does not hold, each with its reason. Everything
# else that it says fails the test.

# The pods of an arm are told apart by their names where pods have no label of their
# version, and a Deployment's pods are named so.
check "promql/regexp" {
  smelly = false
}

# A tombstone is meant never to fire, and to be resolved at once: pint sees both, and
# that it has no `for`.
rule {
  match {
    path = ".*-tombstone.yml"
  }
  disable = ["promql/impossible", "promql/fragile", "alerts/absent"]
}

# How often a container was restarted is a number of Kubernetes' own, which outlives
# the exporter: the limit is on its growth since the rollout began, and the difference of
# two moments is exact where rate() would extrapolate.
rule {
  match {
    kind = "alerting"
    name = "CanaryLimit"
  }
  disable = ["promql/counter"]
}

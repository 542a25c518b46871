package checks

import "time"

// longestInLook is the longest total with which a check still runs within a look, for
// which somebody waits.
const longestInLook = 30 * time.Second

// Long reports whether the check is done as work of its own from the first: it takes
// longer than anybody waits for a look, or what it begins elsewhere goes on without it,
// so that it cannot be cut short and tried again.
func (s Spec) Long() bool {
	return s.Load != nil || s.Synthetics != nil || s.DatadogGate != nil || s.Total > longestInLook
}

// Lasts is how long the check takes at most, the default limits of the kinds taken for
// those that it does not set.
func (s Spec) Lasts() time.Duration {
	switch {
	case s.Load != nil:
		timeout := s.Load.Timeout
		if timeout <= 0 {
			timeout = 10 * time.Second
		}
		return s.Load.Length() + timeout + time.Second
	case s.Total > 0:
		return s.Total
	}
	attempts := time.Duration(max(1, s.Repeat) * (1 + max(0, s.Retries)))
	return attempts * (s.attempt() + Clock{}.WithDefaults().Pause)
}

// attempt is how long one attempt takes at most.
func (s Spec) attempt() time.Duration {
	within, or := time.Duration(0), Clock{}.WithDefaults().Timeout
	switch {
	case s.HTTP != nil:
		within = s.HTTP.Within
	case s.TCP != nil:
		within = s.TCP.Within
	case s.DNS != nil:
		within = s.DNS.Within
	case s.TLS != nil:
		within = s.TLS.Within
	case s.GRPC != nil:
		within = s.GRPC.Within
	case s.WebSocket != nil:
		within = s.WebSocket.Within
	case s.Prometheus != nil:
		within = s.Prometheus.Within
	case s.Logs != nil:
		within = s.Logs.Within
	case s.Exec != nil:
		within = s.Exec.Within
	case s.Journey != nil:
		within = min(s.Journey.steps(), time.Minute)
	case s.Synthetics != nil:
		within, or = s.Synthetics.Within, 5*time.Minute
	case s.DatadogGate != nil:
		within, or = s.DatadogGate.Within, 2*time.Minute
	}
	if within > 0 {
		return within
	}
	return or
}

// steps is how long the steps of a journey take at most, one after the other.
func (j Journey) steps() time.Duration {
	var all time.Duration
	for _, part := range [][]Step{j.Setup, j.Steps, j.Cleanup} {
		for _, step := range part {
			all += Spec{HTTP: &step.HTTP}.attempt()
		}
	}
	return all
}

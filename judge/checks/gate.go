package checks

import "time"

// DatadogGate is an evaluation of Datadog's Deployment Gates: of monitors, of its detection
// of faulty deployments, or of what is configured there.
type DatadogGate struct {
	// Service and Env say whose gate is evaluated; templates. An empty service is the
	// rollout's.
	Service string `json:"service,omitempty" yaml:"service,omitempty"`
	Env     string `json:"env" yaml:"env"`
	// Version is the version that is on trial, as Datadog knows it; a template.
	Version string `json:"version,omitempty" yaml:"version,omitempty"`
	// Identifier names one of several gates that are configured in Datadog; a template.
	Identifier string `json:"identifier,omitempty" yaml:"identifier,omitempty"`
	// Monitors is a search for monitors, none of which may alert or lack data; a template.
	Monitors string `json:"monitors,omitempty" yaml:"monitors,omitempty"`
	// Faulty asks Datadog whether it takes the deployment for a faulty one.
	Faulty bool `json:"faulty,omitempty" yaml:"faulty,omitempty"`
	// Within bounds the time from the question to the gate's status. Zero means the
	// runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

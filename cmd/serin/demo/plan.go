package demo

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

//go:embed plan.yaml
var planText string

// Names that the demo's plan, its source and its canaries use.
const (
	sourceName = "pods"
	namespace  = "demo"
)

// planFields are what differs between the plans of two services.
type planFields struct {
	Service, Namespace, Source, CanaryURL string
}

// planYAML returns the plan of a service as text.
func planYAML(service, canaryURL string) (string, error) {
	t, err := template.New("plan.yaml").Parse(planText)
	if err != nil {
		return "", fmt.Errorf("the demo's plan: %w", err)
	}
	var b strings.Builder
	f := planFields{Service: service, Namespace: namespace, Source: sourceName, CanaryURL: canaryURL}
	if err := t.Execute(&b, f); err != nil {
		return "", fmt.Errorf("the demo's plan: %w", err)
	}
	return b.String(), nil
}

// PlanYAML returns the demo's plan as it is written for one service, for people
// who want to read it.
func PlanYAML() (string, error) { return planYAML(healthyService, "http://127.0.0.1:8081") }

// planOf returns the plan of a running service.
func planOf(s *service) (plan.Plan, error) {
	text, err := planYAML(s.name, s.canary[0].url(""))
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Parse(s.name+".yaml", []byte(text))
}

// preperiod is how long the baseline is scraped before a rollout begins: the
// plan's pre-period, and two blocks for the first scrapes and for the lag.
func preperiod(p plan.Plan) time.Duration { return p.PrePeriod.D() + 2*p.Block.D() }

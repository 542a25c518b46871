package plan

import (
	"fmt"
	"slices"

	"github.com/serin-canary/serin/queries"
)

// AlertWatch says which alerts of others are about a rollout of this service, and what
// follows while one of them fires.
type AlertWatch struct {
	Name string `json:"name"`
	// Match are matchers on the alert's labels; all must hold. At least one asks for
	// more than the absence of something.
	Match []queries.Matcher `json:"match"`
	// Action is AlertHold, AlertRollback or AlertShow.
	Action AlertAction `json:"action"`
}

// AlertAction says what follows from an alert of others.
type AlertAction string

// The actions.
const (
	AlertHold     AlertAction = "hold"     // no promotion and no more traffic while it fires (default)
	AlertRollback AlertAction = "rollback" // rolls back at once, if it began with the rollout or later
	AlertShow     AlertAction = "show"     // shown, without consequences
)

type alertFile struct {
	Name   *string `yaml:"name" jsonschema:"required" jsonschema_description:"Its name, unique among them."`
	Match  *string `yaml:"match" jsonschema:"required" jsonschema_description:"Matchers on the alert's labels, as in PromQL: alertname=\"CheckoutBurn\", severity=~\"page|critical\"."`
	Action *string `yaml:"action" jsonschema:"enum=hold,enum=rollback,enum=show" jsonschema_description:"hold (default): neither promotion nor more traffic while it fires; rollback: at once, if it began during the rollout; show: nothing follows."`
}

// alertmanager reads which alerts of others count.
func (b *builder) alertmanager() {
	names := map[string]string{}
	for i, f := range b.f.Alertmanager {
		path := fmt.Sprintf("alertmanager[%d]", i)
		b.name(path+".name", f.Name)
		w := AlertWatch{Name: value(f.Name, ""), Action: AlertAction(value(f.Action, string(AlertHold)))}
		b.once(names, "watch", w.Name, path)
		switch ms, err := queries.ParseSelector(value(f.Match, "")); {
		case f.Match == nil:
			if !b.faulty(path + ".match") {
				b.at(path+".match", `is missing; write for example alertname="CheckoutBurn"`)
			}
		case err != nil:
			b.syntax(path+".match", "is no list of matchers", err)
		case !slices.ContainsFunc(ms, demands):
			b.at(path+".match", "%q matches alerts that say nothing about this service; ask for at least one label with = or =~", *f.Match)
		default:
			w.Match = ms
		}
		b.p.Alertmanager = append(b.p.Alertmanager, w)
	}
}

// demands reports whether a matcher asks for a label's being there: one that accepts
// its absence accepts everybody's alerts.
func demands(m queries.Matcher) bool { return !m.Accepts("") }

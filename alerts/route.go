package alerts

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// RouteOptions are how an Alertmanager reaches Serin.
type RouteOptions struct {
	// URL is Serin's, without a path (default http://serin.serin).
	URL string
	// CredentialsFile is where the Alertmanager finds Serin's token; empty where it
	// needs none.
	CredentialsFile string
}

// The parts of an Alertmanager's configuration that are written.
type (
	amFile struct {
		Route     amRoute      `yaml:"route"`
		Receivers []amReceiver `yaml:"receivers"`
		Inhibit   []amInhibit  `yaml:"inhibit_rules"`
	}
	amRoute struct {
		Receiver string    `yaml:"receiver"`
		Matchers []string  `yaml:"matchers,omitempty"`
		GroupBy  []string  `yaml:"group_by,omitempty"`
		Wait     string    `yaml:"group_wait,omitempty"`
		Interval string    `yaml:"group_interval,omitempty"`
		Repeat   string    `yaml:"repeat_interval,omitempty"` // what fired before a rollout began is heard of then
		Continue bool      `yaml:"continue,omitempty"`
		Routes   []amRoute `yaml:"routes,omitempty"`
	}
	amReceiver struct {
		Name     string      `yaml:"name"`
		Webhooks []amWebhook `yaml:"webhook_configs,omitempty"`
	}
	amWebhook struct {
		URL      string  `yaml:"url"`
		Resolved bool    `yaml:"send_resolved"`
		HTTP     *amHTTP `yaml:"http_config,omitempty"`
	}
	amHTTP struct {
		Authorization struct {
			File string `yaml:"credentials_file"`
		} `yaml:"authorization"`
	}
	amInhibit struct {
		Source []string `yaml:"source_matchers"`
		Target []string `yaml:"target_matchers"`
		Equal  []string `yaml:"equal,omitempty"`
	}
)

const routeHeader = `# To be merged into alertmanager.yml: the route of plan %s's alerts to Serin, its receiver, and what
# keeps one event from paging twice. "people" stands for your own receiver.
`

// noRoute is said where a plan heeds no alerts.
const noRoute = "# The plan has no alertmanager: entries, so that nothing is sent to Serin.\n"

// Route writes the part of an Alertmanager's configuration that a plan needs: alerts
// that it heeds are sent to Serin, beside to whom they go anyway, and what Serin's own
// alerts make needless is inhibited.
func Route(p plan.Plan, o RouteOptions) ([]byte, error) {
	if o.URL == "" {
		o.URL = "http://serin.serin"
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, errors.New("alerts: the URL of Serin is none; write for example https://serin.example.com")
	case u.User != nil:
		return nil, errors.New("alerts: the URL of Serin has credentials in it; put the token into a file")
	}
	f := amFile{Route: amRoute{Receiver: "people"}, Receivers: []amReceiver{{Name: "people"}}, Inhibit: inhibitions()}
	var b bytes.Buffer
	fmt.Fprintf(&b, routeHeader, oneLine(p.Name))
	if len(p.Alertmanager) == 0 {
		b.WriteString(noRoute)
	} else {
		f.serin(p, u, o)
	}
	if err := encode(&b, f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// serin adds the routes and the receiver.
func (f *amFile) serin(p plan.Plan, u *url.URL, o RouteOptions) {
	for _, w := range p.Alertmanager {
		r := amRoute{Receiver: "serin", GroupBy: []string{"..."}, Wait: "1s", Interval: "5s", Repeat: "5m", Continue: true}
		for _, m := range w.Match {
			r.Matchers = append(r.Matchers, amMatcher(m))
		}
		f.Route.Routes = append(f.Route.Routes, r)
	}
	hook := amWebhook{URL: u.JoinPath("alertmanager").String(), Resolved: true}
	if o.CredentialsFile != "" {
		hook.HTTP = new(amHTTP)
		hook.HTTP.Authorization.File = o.CredentialsFile
	}
	f.Receivers = append(f.Receivers, amReceiver{Name: "serin", Webhooks: []amWebhook{hook}})
}

// inhibitions are about Serin's own alerts.
func inhibitions() []amInhibit {
	own := amMatcher(queries.Matcher{Label: "managed_by", Op: queries.Equal, Value: managedBy})
	names := func(pattern string) []string {
		return []string{own, amMatcher(queries.Matcher{Label: "alertname", Op: queries.Match, Value: pattern})}
	}
	return []amInhibit{
		// What was rolled back for need not be told metric by metric.
		{names("CanaryRolledBack"), names("Canary.*VsBaseline|CanaryErrorBudgetBurn|CanaryLimit|RolloutNeedsAPerson"), []string{"rollout"}},
		// Where Serin is gone, no rollout is looked at.
		{names("SerinDown|SerinJournalDown"), names("JudgeSilent|SerinRolloutUnwatched"), nil},
	}
}

// amMatcher writes a matcher as Alertmanager reads it.
func amMatcher(m queries.Matcher) string { return m.Label + string(m.Op) + strconv.Quote(m.Value) }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

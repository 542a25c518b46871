package notify

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// Target is where notices go, as the configuration holds it. Exactly one kind is set.
type Target struct {
	// Name tells it from the others: in the journal, in metrics, and on the command line.
	Name string `yaml:"name"`
	// Services and Namespaces are patterns such as shop-*; of each list one must fit.
	// An empty list fits everything.
	Services   []string `yaml:"services"`
	Namespaces []string `yaml:"namespaces"`
	// Outcomes begin a message: continue, promote, inconclusive, rollback, closed, and page,
	// which is any verdict that a person must look at now. Empty is what the kind has for a
	// default; see docs/notifications.md.
	Outcomes []string `yaml:"outcomes"`
	// Template writes the message's text from a [Notice], as text/template does; empty is
	// the usual text.
	Template string `yaml:"template"`

	Slack     *Slack     `yaml:"slack"`
	Teams     *Teams     `yaml:"teams"`
	Webhook   *Webhook   `yaml:"webhook"`
	Email     *Email     `yaml:"email"`
	PagerDuty *PagerDuty `yaml:"pagerduty"`
	GitHub    *GitHub    `yaml:"github"`
}

// closedWord stands among outcomes for a rollout that is over without a final verdict.
const closedWord = "closed"

// pageWord stands among outcomes for a verdict that a person must look at now.
const pageWord = "page"

// tongue is what a kind of target can do.
type tongue struct {
	name string
	// live says that its messages can be changed.
	live bool
	// usual are the outcomes that begin a message by default.
	usual []string
	check func(at string, fault Fault)
	open  func(o opening) (channel, error)
}

// Fault is told what is wrong with a configuration: the field's path, and a sentence.
type Fault func(path, format string, args ...any)

// tongues returns the kinds that are set, one as a rule.
func (t Target) tongues() []tongue {
	everything := []string{judge.Continue.String(), judge.Promote.String(), judge.Inconclusive.String(), judge.Rollback.String()}
	final := everything[1:]
	var out []tongue
	if s := t.Slack; s != nil {
		k := tongue{"slack", s.Hook == "", everything, s.check, s.open}
		if !k.live {
			k.usual = final
		}
		out = append(out, k)
	}
	if s := t.Teams; s != nil {
		out = append(out, tongue{"teams", false, final, s.check, s.open})
	}
	if s := t.Webhook; s != nil {
		out = append(out, tongue{"webhook", false, final, s.check, s.open})
	}
	if s := t.Email; s != nil {
		out = append(out, tongue{"email", false, final, s.check, s.open})
	}
	if s := t.PagerDuty; s != nil {
		out = append(out, tongue{"pagerduty", true, []string{judge.Rollback.String(), pageWord}, s.check, s.open})
	}
	if s := t.GitHub; s != nil {
		out = append(out, tongue{"github", true, everything, s.check, s.open})
	}
	return out
}

// Kind is the name of the target's kind: slack, teams, webhook, email, pagerduty, github.
func (t Target) Kind() string {
	if k := t.tongues(); len(k) == 1 {
		return k[0].name
	}
	return ""
}

// Check tells everything that is wrong with targets; at is the path of their list.
func Check(targets []Target, at string, fault Fault) {
	seen := map[string]bool{}
	for i, t := range targets {
		here := fmt.Sprintf("%s[%d]", at, i)
		if seen[t.Name] {
			fault(here+".name", "another target is called %q already", t.Name)
		}
		seen[t.Name] = true
		t.check(here, fault)
	}
}

func (t Target) check(at string, fault Fault) {
	if !targetName(t.Name) {
		fault(at+".name", "a target needs a name of lower-case letters, digits and hyphens, at most 40")
	}
	for _, l := range []struct {
		field string
		texts []string
	}{{"services", t.Services}, {"namespaces", t.Namespaces}} {
		for i, p := range l.texts {
			if _, err := path.Match(p, ""); err != nil || p == "" {
				fault(fmt.Sprintf("%s.%s[%d]", at, l.field, i), "%q is no pattern; write for example shop-*", p)
			}
		}
	}
	kinds := t.tongues()
	if len(kinds) != 1 {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = k.name
		}
		if len(kinds) == 0 {
			fault(at, "nothing says where to tell; add one of slack, teams, webhook, email, pagerduty, github")
		} else {
			fault(at, "a target is of one kind, and this one is %s; write as many targets", strings.Join(names, " and "))
		}
		return
	}
	kinds[0].check(at+"."+kinds[0].name, fault)
	t.checkOutcomes(kinds[0], at+".outcomes", fault)
	if t.Template != "" {
		if _, err := readTemplate(t.Template); err != nil {
			fault(at+".template", "%s; docs/notifications.md lists the fields", err)
		}
	}
}

func (t Target) checkOutcomes(k tongue, at string, fault Fault) {
	for i, o := range t.Outcomes {
		here := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case o == closedWord || o == pageWord || o == judge.Promote.String() || o == judge.Inconclusive.String() || o == judge.Rollback.String():
		case o == judge.Continue.String() && k.live && k.name != "pagerduty":
		case o == judge.Continue.String():
			fault(here, "continue is told where a message can be changed later: by slack with a token, and github; %s says the end only, and with page what a person must look at now", k.name)
		default:
			fault(here, "%q is no outcome; write continue, promote, inconclusive, rollback, page or closed", o)
		}
	}
}

// targetName reports whether a name can be that of a target: it is a label of metrics and
// part of keys.
func targetName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 40
}

// fits reports whether a rollout is among those that the target is told of.
func (t Target) fits(r rollout.Rollout) bool {
	return fitsAny(t.Services, r.Service) && fitsAny(t.Namespaces, r.Namespace)
}

func fitsAny(patterns []string, text string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, text)
		return err == nil && ok
	})
}

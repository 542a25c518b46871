package plan

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries/presets"
)

// builder makes a Plan of a decoded file. Each step notes its own faults and goes on,
// so that all are found at once.
type builder struct {
	*book
	f      file
	p      Plan
	loaded []presets.Preset // that the plan names
	sure   bool             // the names of all metrics are known
	texts  texts            // of the check that is being read
}

func (b *builder) build() {
	b.p.Edition = Edition
	b.identity()
	b.policy()
	b.windows()
	b.sequential()
	b.p.Arms = b.arms()
	b.metrics()
	b.limits()
	b.checks()
	b.loads()
	b.alertmanager()
	if len(b.p.Metrics)+len(b.p.Checks) == 0 && !b.faulty("metrics") && !b.faulty("checks") && !b.faulty("preset") {
		b.at("", "has neither metrics nor checks, so there is nothing to judge by; write for example preset: istio")
	}
	b.p.Dashboard = b.publishing(b.f.Dashboard, "dashboard")
	b.p.Alerts = b.publishing(b.f.Alerts, "alerts")
}

func (b *builder) identity() {
	b.name("service", b.f.Service)
	b.p.Service = value(b.f.Service, "")
	b.p.Name = value(b.f.Name, b.p.Service)
	b.p.Namespace = value(b.f.Namespace, "")
	b.p.Source = value(b.f.Source, "prometheus")
	b.selector(origin{}, nil)
	for path, s := range map[string]*string{"name": b.f.Name, "namespace": b.f.Namespace, "source": b.f.Source} {
		if s != nil {
			b.name(path, s)
		}
	}
}

// name checks a name: what it may be made of lets it stand in a label, a path and a log.
func (b *builder) name(path string, s *string) {
	switch {
	case s == nil && (b.faulty(path) || b.broken(path)):
	case s == nil:
		b.at(path, "is missing; a name is needed here")
	case *s != "" && !validName(*s):
		b.at(path, "%q is no name; write up to 128 letters, digits and . _ / -, the first a letter or digit", *s)
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte("._/-", c) < 0) {
			return false
		}
	}
	return len(s) <= 128
}

// broken reports whether what encloses a field is not of the shape that has fields.
func (b *book) broken(path string) bool {
	outer := path[:max(strings.LastIndex(path, "."), 0)]
	return outer != "" && slices.ContainsFunc(b.faults, func(f Fault) bool { return f.Path == outer })
}

// once notes a name that an earlier element has, and reports whether there was none.
func (b *builder) once(names map[string]string, what, name, path string) bool {
	if name == "" {
		return true
	}
	if first, taken := names[name]; taken {
		b.at(path+".name", "%s is the name of %s already; a %s has a name of its own", name, first, what)
		return false
	}
	names[name] = path
	return true
}

func (b *builder) policy() {
	f, p := &b.f, &b.p
	p.Mode = Mode(value(f.Mode, string(Enforce)))
	p.Comparison = Comparison(value(f.Comparison, ""))
	p.Alpha = f.Alpha.or(0.05)
	p.Beta = f.Beta.or(0.05)
	p.AtDeadline = Action(value(f.AtDeadline, string(Hold)))
	p.NoData = Action(value(f.NoData, string(Hold)))
	p.OnShared = Action(value(f.OnShared, string(Hold)))
	p.Advance = Advance(value(f.Advance, string(UnlessHarm)))
	p.LowTraffic = LowTraffic(value(f.LowTraffic, string(LowHold)))
	p.Reversible = value(f.Reversible, true)
	p.Guarantee = Guarantee(value(f.Guarantee, string(AllPods)))
	p.DependsOn = f.DependsOn
	for i, s := range f.DependsOn {
		path := fmt.Sprintf("dependsOn[%d]", i)
		b.name(path, &s)
		switch {
		case slices.Contains(f.DependsOn[:i], s) && s != "":
			b.at(path, "%s is listed already; delete this line", s)
		case s == p.Service && s != "":
			b.at(path, "a service does not depend on itself; delete this line")
		}
	}
}

func (b *builder) arms() Arms {
	if b.f.Arms == nil {
		return Arms{}
	}
	return Arms{
		Baseline: b.arm(b.f.Arms.Baseline, "arms.baseline"),
		Canary:   b.arm(b.f.Arms.Canary, "arms.canary"),
	}
}

func (b *builder) arm(a *armFile, path string) Arm {
	if a == nil {
		return Arm{}
	}
	if a.PodPattern != nil && !b.faulty(path+".podPattern") {
		_, err := regexp.Compile(*a.PodPattern)
		switch re, _ := anchored(*a.PodPattern); {
		case err != nil:
			b.at(path+".podPattern", "is no regular expression: %v; write for example checkout-canary-.*", err)
		case re.MatchString(nobody) || re.MatchString(""):
			b.at(path+".podPattern", "%q matches every pod, the other arm's included; write for example checkout-canary-.*", *a.PodPattern)
		}
	}
	if a.URL != nil && !b.faulty(path+".url") {
		if u, err := url.Parse(*a.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			b.at(path+".url", "is no URL; write http:// or https:// and a host")
		} else if u.User != nil {
			b.at(path+".url", "has a user or password in it, which would be shown wherever the plan is; leave them out")
		}
	}
	for k := range a.Labels {
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:/-]*$`).MatchString(k) {
			b.at(path+".labels."+k, "%q is no name of a label", k)
		}
	}
	return Arm{
		Namespace: value(a.Namespace, ""), Workload: value(a.Workload, ""), PodPattern: value(a.PodPattern, ""),
		Hash: value(a.Hash, ""), Version: value(a.Version, ""), URL: value(a.URL, ""), Labels: a.Labels,
	}
}

func (b *builder) publishing(f *publishingFile, path string) Publishing {
	if f == nil {
		f = &publishingFile{}
	}
	p := Publishing{
		Disabled: !value(f.Enabled, true),
		Folder:   value(f.Folder, ""),
		Retire:   Retire(value(f.Retire, string(Archive))),
		Keep:     duration(f.Keep, 0),
	}
	if p.Retire == Delete && f.Keep != nil {
		b.at(path+".keep", "is for what is archived, and retire: delete leaves nothing to keep; delete one of the two lines")
	}
	return p
}

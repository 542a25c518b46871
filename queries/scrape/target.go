package scrape

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// site is a target that was checked: where its page is and which labels its series get.
type site struct {
	key    string         // tells sites apart: URL and labels
	url    string         // as configured; it may hold a secret in its query and is never shown
	shown  string         // the URL without its query
	labels []labels.Label // sorted by name; job and instance included
}

// label returns the value of one of the site's labels, or "".
func (t *site) label(name string) string {
	for _, l := range t.labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// offset spreads targets over the interval, each always at the same place in it, so
// that they are not all asked at once and a restart does not move their samples.
func (t *site) offset(interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(t.key))
	return time.Duration(h.Sum64() % uint64(interval))
}

// sites checks targets. The error names every fault at once, by the target's place in
// the list and never by its URL, which may hold a secret.
func (c Config) sites(targets []Target) ([]*site, error) {
	var faults []error
	sites := make([]*site, 0, len(targets))
	seen := make(map[string]int, len(targets))
	for i, t := range targets {
		at, err := newSite(t, c.Name)
		if err != nil {
			faults = append(faults, fmt.Errorf("scrape: target %d: %w", i+1, err))
			continue
		}
		if first, twice := seen[at.key]; twice {
			faults = append(faults, fmt.Errorf("scrape: target %d is the same as target %d; remove one", i+1, first))
			continue
		}
		seen[at.key] = i + 1
		sites = append(sites, at)
	}
	return sites, errors.Join(faults...)
}

func newSite(t Target, job string) (*site, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		// The parser's own words quote the URL, password and all.
		return nil, errors.New("its address is not a URL; write http://host:port/metrics")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("its URL must begin with http:// or https://")
	}
	if u.User != nil {
		return nil, errors.New("its URL names a user; credentials in URLs are refused because URLs are shown")
	}
	if u.Hostname() == "" {
		return nil, errors.New("its URL names no host")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("its port %s is not between 1 and 65535", p)
		}
	}
	all, err := siteLabels(t.Labels, job, instance(u))
	if err != nil {
		return nil, err
	}
	u.Fragment = ""
	at := &site{url: u.String(), labels: all}
	var key strings.Builder
	key.WriteString(at.url)
	for _, l := range all {
		key.WriteString("\xff" + l.Name + "\xfe" + l.Value)
	}
	at.key = key.String()
	u.RawQuery, u.ForceQuery = "", false
	at.shown = u.String()
	return at, nil
}

// instance is host:port, with the scheme's own port where the URL has none.
func instance(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func siteLabels(given map[string]string, job, instance string) ([]labels.Label, error) {
	all := map[string]string{model.JobLabel: job, model.InstanceLabel: instance}
	for name, value := range given {
		if !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, model.ReservedLabelPrefix) {
			return nil, fmt.Errorf("its label %q is not a label name (letters, digits and _, not beginning with a digit or __)", name)
		}
		if !model.LabelValue(value).IsValid() {
			return nil, fmt.Errorf("the value of its label %q is not UTF-8", name)
		}
		if value != "" {
			all[name] = value
		}
	}
	sorted := make([]labels.Label, 0, len(all))
	for name, value := range all {
		sorted = append(sorted, labels.Label{Name: name, Value: value})
	}
	slices.SortFunc(sorted, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	return sorted, nil
}

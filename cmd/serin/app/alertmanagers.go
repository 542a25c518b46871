package app

import (
	"fmt"
	"net/url"
	"strings"

	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/cmd/serin/publishing"
)

// checkAlertmanagers says what is wrong with the Alertmanagers that verdicts are told to.
func checkAlertmanagers(all []Server, fault func(path, format string, args ...any)) {
	seen := map[string]bool{}
	for i, s := range all {
		at := fmt.Sprintf("publish.alertmanagers[%d]", i)
		s.check(at, true, fault)
		if s.URL != "" && seen[whereOf(s)] {
			fault(at+".url", "%s is there already; list every replica once, by its own address", whereOf(s))
		}
		seen[whereOf(s)] = true
	}
}

// whereOf names an Alertmanager by where it is: host, port and path.
func whereOf(s Server) string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Host+u.Path, "/")
}

// openAlertmanagers opens every replica.
func openAlertmanagers(all []Server) ([]publishing.AlertPlace, error) {
	var out []publishing.AlertPlace
	for _, s := range all {
		at, err := s.at(nil)
		if err != nil {
			return nil, err
		}
		place, err := alertplaces.NewAlertmanager(at)
		if err != nil {
			return nil, err
		}
		out = append(out, publishing.AlertPlace{Name: "alertmanager " + whereOf(s), Target: s.host(), Place: place})
	}
	return out, nil
}

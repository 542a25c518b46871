package webhooks

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// planLine is what a list of plans says of one. A whole plan may hold a check's
// credentials, so it is not shown.
type planLine struct {
	Name      string   `json:"name"`
	Service   string   `json:"service"`
	Namespace string   `json:"namespace"`
	Source    string   `json:"source"`
	Mode      string   `json:"mode"`
	Metrics   []string `json:"metrics"`
	Checks    []string `json:"checks"`
}

// listPlans is GET /v1/plans.
func (s *Server) listPlans(c echo.Context) error {
	list := []planLine{}
	for _, name := range s.cfg.Plans.Names() {
		p, err := s.cfg.Plans.Find(name, "", "")
		if err != nil {
			return err
		}
		if p.Namespace != "" && !callerOf(c).sees(p.Namespace) {
			continue
		}
		line := planLine{
			Name: p.Name, Service: p.Service, Namespace: p.Namespace, Source: p.Source, Mode: string(p.Mode),
			Metrics: []string{}, Checks: []string{},
		}
		for _, m := range p.Metrics {
			line.Metrics = append(line.Metrics, m.Name)
		}
		for _, k := range p.Checks {
			line.Checks = append(line.Checks, k.Name)
		}
		list = append(list, line)
	}
	return writeJSON(c, http.StatusOK, map[string][]planLine{"plans": list})
}

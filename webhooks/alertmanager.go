package webhooks

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
)

const pathAlertmanager = "/alertmanager"

// controllerAlertmanager is the caller that an Alertmanager's token names.
const controllerAlertmanager = "alertmanager"

// Bounds on what an Alertmanager may send at once. An alert has about 1 KiB.
const (
	maxAlertBody = 4 << 20 // bytes
	maxSent      = 2000    // alerts in one body
)

// Bounds on what is kept of an alert, in bytes.
const (
	maxAlertName    = 120
	maxAlertSummary = 300
)

// alertVersion is the version of Alertmanager's webhook that is read. It is the only
// one since 2016.
const alertVersion = "4"

// alertGroup is the body of POST /alertmanager: what is read of a group of alerts.
// Labels and annotations that are common to the group are in every alert too. Where the
// alerts and the Alertmanager are (generatorURL, externalURL) is not read: such URLs may
// have credentials in them, and nothing follows from them.
type alertGroup struct {
	Version         text        `json:"version"`
	TruncatedAlerts text        `json:"truncatedAlerts"` // how many the receiver's max_alerts left out
	Alerts          []sentAlert `json:"alerts"`
}

// sentAlert is one alert of a group.
type sentAlert struct {
	Status      text            `json:"status"` // firing or resolved
	Labels      map[string]text `json:"labels"`
	Annotations map[string]text `json:"annotations"`
	StartsAt    text            `json:"startsAt"`
	EndsAt      text            `json:"endsAt"` // the year 1 while it fires
	Fingerprint text            `json:"fingerprint"`
}

// seenAlert is an alert that was read. It names no entry of a plan yet.
type seenAlert struct {
	judge.Alert

	labels map[string]string
}

// alertsTaken is the answer: what was matched, in numbers. Which rollouts there are is
// told to those who may read.
type alertsTaken struct {
	Alerts   int    `json:"alerts"`   // in the body
	Matched  int    `json:"matched"`  // of them about a live rollout
	Rollouts int    `json:"rollouts"` // that they are about
	News     int    `json:"news"`     // recorded: what is known already is not
	Skipped  int    `json:"skipped"`  // could not be read, or there was no room
	Message  string `json:"message"`
}

// alertmanager is POST /alertmanager.
func (s *Server) alertmanager(c echo.Context) error {
	w := callerOf(c)
	if err := w.may(controllerAlertmanager, RightAlert); err != nil {
		return err
	}
	body, err := readUpTo(c, maxAlertBody)
	if err != nil {
		return err
	}
	var g alertGroup
	if err := decode(body, &g, tolerant); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	alerts, faults := g.read(s.now())
	ctx := c.Request().Context()
	took, err := s.takeAlerts(ctx, w, alerts)
	if err != nil {
		return err
	}
	took.Alerts = len(g.Alerts)
	took.Skipped += len(faults)
	took.Message = took.sentence(faults, g.missing())
	log := s.cfg.Log.InfoContext
	if took.Skipped > 0 || g.missing() > 0 {
		log = s.cfg.Log.WarnContext
	}
	log(ctx, "alerts", "caller", w.name(), "alerts", took.Alerts, "matched", took.Matched, "rollouts", took.Rollouts, "news", took.News,
		"skipped", took.Skipped, "truncated", g.missing(), "message", took.Message)
	return writeJSON(c, http.StatusOK, took)
}

// check refuses a body as a whole.
func (g *alertGroup) check() error {
	const next = "send what Alertmanager's webhook_configs send"
	switch v := blankNull(g.Version); {
	case v == "":
		return bad(next, "version: missing; version %s of Alertmanager's webhook is read", alertVersion)
	case v != alertVersion:
		return bad(next, "version: %s is not read, only version %s of Alertmanager's webhook is", quoted(v), alertVersion)
	case len(g.Alerts) > maxSent:
		return &HTTPError{
			Code: http.StatusRequestEntityTooLarge, Public: fmt.Sprintf("%d alerts at once, of which %d are read", len(g.Alerts), maxSent),
			Next: "group by more labels in the route, such as alertname and namespace, or set max_alerts of the receiver",
		}
	}
	return nil
}

// missing is how many alerts the sender left out.
func (g *alertGroup) missing() int {
	n, err := strconv.Atoi(blankNull(g.TruncatedAlerts))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// read returns the alerts, and what is wrong with those that cannot be read: one bad
// alert does not keep the others of its group from being heard.
func (g *alertGroup) read(now time.Time) ([]seenAlert, []string) {
	var out []seenAlert
	var faults []string
	for i, a := range g.Alerts {
		seen, err := a.read(now)
		if err != nil {
			faults = append(faults, fmt.Sprintf("alert %d: %s", i+1, err))
			continue
		}
		out = append(out, seen)
	}
	return out, faults
}

// The times that an alert may have begun at.
const (
	oldestAlert = 20 * 365 * 24 * time.Hour // before now
	alertSkew   = 24 * time.Hour            // after now
)

// read reads one alert. Whether it fires is what its status says; only where there is
// none, its end.
func (a *sentAlert) read(now time.Time) (seenAlert, error) {
	labels := make(map[string]string, len(a.Labels))
	for name, value := range a.Labels {
		labels[name] = string(value)
	}
	if len(labels) == 0 {
		return seenAlert{}, fmt.Errorf("it has no labels")
	}
	started, err := time.Parse(time.RFC3339, blankNull(a.StartsAt))
	switch {
	case err != nil:
		return seenAlert{}, fmt.Errorf("startsAt: %s is not an RFC 3339 time", quoted(string(a.StartsAt)))
	case started.Before(now.Add(-oldestAlert)) || started.After(now.Add(alertSkew)):
		return seenAlert{}, fmt.Errorf("startsAt: %s cannot be when it began", quoted(string(a.StartsAt)))
	}
	ends, err := time.Parse(time.RFC3339, blankNull(a.EndsAt))
	if err != nil {
		ends = time.Time{}
	}
	var over bool
	switch status := blankNull(a.Status); status {
	case "resolved":
		over = true
	case "firing":
	case "":
		over = !ends.IsZero() && !ends.After(now)
	default:
		return seenAlert{}, fmt.Errorf("status: %s is neither firing nor resolved", quoted(status))
	}
	out := seenAlert{labels: labels, Alert: judge.Alert{
		Fingerprint: a.fingerprint(labels), Started: started, Name: alertText(labels["alertname"], maxAlertName), Summary: a.summary(),
	}}
	if out.Name == "" {
		out.Name = "an alert without a name"
	}
	if over {
		if ends.IsZero() || ends.After(now) {
			ends = now
		}
		out.Ended = ends
		if ends.Before(started) {
			out.Ended = started
		}
	}
	return out, nil
}

// alertText brings a text of an alert into one line without credentials.
func alertText(text string, most int) string { return oneLine(redact(text), most) }

func (a *sentAlert) summary() string {
	for _, name := range [...]string{"summary", "description", "message"} {
		if text := alertText(string(a.Annotations[name]), maxAlertSummary); text != "" {
			return text
		}
	}
	return ""
}

// blankNull is a text, and nothing where null was written.
func blankNull(t text) string {
	if s := strings.TrimSpace(string(t)); s != "null" {
		return s
	}
	return ""
}

var fingerprintForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// fingerprint is what Alertmanager wrote, or where it wrote none, what it would have:
// FNV-1a of 64 bits over the labels in the order of their names, each name and each
// value followed by the byte 255, as 16 hexadecimal digits.
func (a *sentAlert) fingerprint(labels map[string]string) string {
	if f := blankNull(a.Fingerprint); fingerprintForm.MatchString(f) {
		return f
	}
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		h.Write([]byte(name + "\xff" + labels[name] + "\xff")) // never fails
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// sentence says what became of the alerts.
func (t alertsTaken) sentence(faults []string, missing int) string {
	text := fmt.Sprintf("%d of %d alerts are about live rollouts (%d), %d of that is news", t.Matched, t.Alerts, t.Rollouts, t.News)
	if len(faults) > 0 {
		text += "; " + faults[0]
		if more := len(faults) - 1; more > 0 {
			text += fmt.Sprintf("; and %d more that cannot be read", more)
		}
	}
	if full := t.Skipped - len(faults); full > 0 {
		text += fmt.Sprintf("; there was no room for %d", full)
	}
	if missing > 0 {
		text += fmt.Sprintf("; max_alerts of the receiver left %d out, which are not known here", missing)
	}
	return oneLine(text, maxSummary)
}

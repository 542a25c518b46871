package dashboards

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/rollout"
)

// evil is what somebody calls a service who wants to be read as something else.
const evil = "x\"} or vector(1) # <script>alert(1)</script> [a](javascript:alert(1)) ${datasource} $__all |`* \n\\"

// On a board whose every name is evil each rule holds, and no text is more than text.
func TestHostileNames(t *testing.T) {
	s := subject(t, plans()["business"])
	// Queries select by these, and variables have them. Grafana would put a variable's value
	// in, which a name with $ can do to its own board.
	selected := strings.ReplaceAll(evil, "$", "")
	s.Rollout.Service, s.Rollout.Namespace, s.Rollout.Revision, s.Rollout.Controller, s.Rollout.Plan = selected, selected, evil, evil, evil
	for _, arm := range []*rollout.Arm{&s.Rollout.Baseline, &s.Rollout.Canary} {
		arm.Namespace, arm.Workload, arm.Version, arm.Hash = selected, selected, evil, evil
	}
	s.Verdict.Reason, s.Verdict.Worst, s.Verdict.WorstReason, s.Why = evil, evil, evil, evil
	s.Closed = s.Rollout.Started.Add(1e12)
	for i := range s.Plan.Metrics {
		s.Plan.Metrics[i].Title, s.Plan.Metrics[i].Description, s.Plan.Metrics[i].Unit = evil, evil, evil
	}
	rolloutBoard, err := Draw(s)
	if err != nil {
		t.Fatal(err)
	}
	// A variable's value is what queries need; no name that is announced has quotes.
	harmless := strings.NewReplacer("$", "", "\"", "", "\\", "").Replace(evil)
	service, err := Service(Standing{}, harmless, harmless)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []Board{rolloutBoard, service} {
		text, err := b.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got := readBoard(t, text)
		for _, r := range rules() {
			for _, fault := range r.find(got) {
				t.Errorf("%s: %s: %s", b.UID, r.name, fault)
			}
		}
		for _, p := range got.all() {
			content, _ := p.Options["content"].(string)
			for where, text := range map[string]string{"content": content, "title": p.Title, "description": p.Description} {
				for _, bad := range []string{"<script", "[a](javascript", "${datasource}", "$__all", "\n\\"} {
					if strings.Contains(text, bad) && (where != "title" || bad[0] == '$' || bad[0] == '\n') { // titles are plain text
						t.Errorf("%s: the %s of panel %d has %q in %q", b.UID, where, p.ID, bad, text)
					}
				}
			}
		}
		for _, tag := range got.Tags {
			if len([]rune(tag)) > 50 {
				t.Errorf("%s: the tag %q is longer than Grafana's database has room for", b.UID, tag)
			}
		}
		if v2, err := b.Manifest("f"); err != nil || !json.Valid(v2) {
			t.Errorf("%s: the second format: %v", b.UID, err)
		}
	}
}

// Names that only look alike have boards of their own.
func TestServicesDoNotShareABoard(t *testing.T) {
	seen := map[string]string{}
	for _, x := range [][2]string{{"shop", "checkout"}, {"", "shop/checkout"}, {"shop/checkout", ""}, {"a/b", "c"}, {"a", "b/c"}} {
		uid, name := ServiceUID(x[0], x[1]), x[0]+"|"+x[1]
		if other, there := seen[uid]; there {
			t.Errorf("%s and %s share the board %s", name, other, uid)
		}
		seen[uid] = name
	}
}

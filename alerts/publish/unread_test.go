package publish_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts/publish"
)

// A folder that is not read costs two reloads, and no more for a while, however many
// rollouts wait for it. Then it is tried once more: somebody may have mended it and not
// told the server. What was read once is forgotten as a refusal.
func TestFoldersThatAreNotRead(t *testing.T) {
	f := &told{shows: []string{without}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at := server(s.URL)
	at.Now = func() time.Time { return now }
	dir := t.TempDir()
	p, err := publish.NewPrometheus(dir, at)
	if err != nil {
		t.Fatal(err)
	}
	p.Hurry()
	for _, step := range []struct {
		after   time.Duration
		shows   string
		reloads int
		well    bool
	}{
		{0, without, 2, false},
		{time.Second, without, 2, false},
		{9 * time.Minute, without, 2, false},
		{time.Minute, without, 4, false},
		{time.Minute, without, 4, false},
		{10 * time.Minute, showing(len(some(t).Group.Rules)), 5, true},
	} {
		now = now.Add(step.after)
		f.mu.Lock()
		f.shows = []string{step.shows}
		f.mu.Unlock()
		err := p.Publish(t.Context(), some(t))
		if (err == nil) != step.well || !step.well && !permanent(err) || f.asked != step.reloads {
			t.Errorf("after %s: got %v and %d reloads, want %d", step.after, err, f.asked, step.reloads)
		}
		if _, there := have(t, dir)[filepath.Base(name+".yml")]; there != step.well {
			t.Errorf("after %s: got the file there %v, want %v", step.after, there, step.well)
		}
	}
}

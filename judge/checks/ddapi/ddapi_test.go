package ddapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks/ddapi"
)

func TestAgain(t *testing.T) {
	refused := func(status int) error {
		return fmt.Errorf("asked: %w", &ddapi.Refusal{Status: status, After: time.Second})
	}
	for _, c := range []struct {
		name  string
		err   error
		after time.Duration
		yes   bool
	}{
		{"nothing", nil, 0, false},
		{"another error", errors.New("no JSON"), 0, false},
		{"not reached", fmt.Errorf("asked: %w", &ddapi.Unreached{Err: errors.New("refused")}), 0, true},
		{"forbidden", refused(403), time.Second, false},
		{"absent", refused(404), time.Second, false},
		{"too often", refused(429), time.Second, true},
		{"their fault", refused(503), time.Second, true},
	} {
		if after, yes := ddapi.Again(c.err); after != c.after || yes != c.yes {
			t.Errorf("%s: again after %v, %v; want %v, %v", c.name, after, yes, c.after, c.yes)
		}
	}
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"X-RateLimit-Reset", "2.5", 2500 * time.Millisecond},
		{"Retry-After", "7", 7 * time.Second},
		{"Retry-After", "-1", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "3600", 0},
		{"Retry-After", "soon", 0},
		{"Retry-After", "", 0},
	} {
		if got := ddapi.Pause(http.Header{http.CanonicalHeaderKey(c.name): {c.value}}); got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for status, want := range map[int]string{401: "which keys?", 403: "which keys?", 404: "is it there?", 429: "limit of calls", 500: "Datadog answered 500 (no)"} {
		err := &ddapi.Refusal{Status: status, Said: "no", Denied: "which keys?", Absent: "is it there?"}
		if !strings.HasPrefix(err.Error(), fmt.Sprintf("Datadog answered %d (no)", status)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

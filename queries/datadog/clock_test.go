package datadog

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/datadog/datadogtest"
)

// TestClock ensures that the server's time is read of the answers that come anyway, and
// asked for where none has come.
func TestClock(t *testing.T) {
	s := datadogtest.New(t)
	there := time.Now().Add(-90 * time.Second)
	s.Fail(func(datadogtest.Call) datadogtest.Fault {
		return datadogtest.Fault{Header: map[string]string{"Date": there.UTC().Format(http.TimeFormat)}}
	})
	for name, before := range map[string]func(*Source) error{
		"asked":    func(*Source) error { return nil },
		"answered": func(src *Source) error { _, err := ask(t, src, "sum:hits{*}.as_count()", "v1", window(1)); return err },
	} {
		src := open(t, s, nil)
		if err := before(src); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		calls := src.Calls()
		got, err := src.Clock(context.Background())
		if off := got.Sub(there); err != nil || off < -2*time.Second || off > time.Minute {
			t.Errorf("%s: got %v, %v, want about %v", name, got, err, there)
		}
		if name == "answered" && src.Calls() != calls {
			t.Errorf("%s: it was asked once more", name)
		}
	}
}

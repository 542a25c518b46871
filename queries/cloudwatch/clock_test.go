package cloudwatch

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/cloudwatch/cloudwatchtest"
)

// TestClock ensures that the server's time is read of the answers that come anyway, and
// asked for where none has come.
func TestClock(t *testing.T) {
	s := shop(t)
	there := time.Now().Add(-90 * time.Second)
	s.Fail(func(cloudwatchtest.Call) cloudwatchtest.Fault {
		return cloudwatchtest.Fault{Header: map[string]string{"Date": there.UTC().Format(http.TimeFormat)}}
	})
	for name, before := range map[string]func(*Source) error{
		"asked":    func(*Source) error { return nil },
		"answered": func(src *Source) error { _, err := ask(t, src, requests, "blue", window(1)); return err },
	} {
		src := open(t, s, nil)
		if err := before(src); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		calls := len(s.Calls())
		got, err := src.Clock(context.Background())
		if off := got.Sub(there); err != nil || off < -2*time.Second || off > time.Minute {
			t.Errorf("%s: got %v, %v, want about %v", name, got, err, there)
		}
		if name == "answered" && len(s.Calls()) != calls {
			t.Errorf("%s: it was asked once more", name)
		}
	}
}

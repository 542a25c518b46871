package webhooks

import (
	"context"
	"testing"
	"time"
)

// silent is Amazon's services that do not answer before the caller gives them up.
type silent struct {
	AWSReader
	asked chan time.Duration // how long the question may take
}

// ECSDeployment implements AWSReader.
func (s silent) ECSDeployment(ctx context.Context, _, _ string) (ECSDeployment, error) {
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(time.Hour)
	}
	s.asked <- time.Until(until)
	return ECSDeployment{}, context.DeadlineExceeded
}

// TestEventBridgeIsAnsweredInTime: EventBridge waits for five seconds. Services that say
// nothing are given up before, and it is told to come again.
func TestEventBridgeIsAnsweredInTime(t *testing.T) {
	asked := make(chan time.Duration, 1)
	a := newAmazon(t, func(c *Config) { c.AWS.AWSReader = silent{c.AWS.AWSReader, asked} })
	if got := a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)); got.code != 503 {
		t.Errorf("got %d %s, want 503, after which it comes again", got.code, got.body)
	}
	if got := <-asked; got > 4*time.Second {
		t.Errorf("got %v for the question, want less than EventBridge waits", got)
	}
	if len(a.desk.asked) != 0 {
		t.Errorf("got %v asked, want nothing", a.desk.asked)
	}
}

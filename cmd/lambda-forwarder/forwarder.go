package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// maxEvent bounds an event; those of CodeDeploy and ECS have a few hundred bytes.
const maxEvent = 256 << 10

// reporter tells CodeDeploy a hook's result. It must be safe to tell one twice.
type reporter interface {
	report(ctx context.Context, e deployEvent, status string) error
}

// forwarder handles events. It remembers nothing.
type forwarder struct {
	settings settings
	serin    *server
	reporter reporter
	log      *slog.Logger
	broken   error // what is wrong with the settings; nil where nothing is
}

func newForwarder(s settings, r reporter, log *slog.Logger) *forwarder {
	return &forwarder{settings: s, serin: newServer(s), reporter: r, log: log}
}

// shape is what tells the two kinds of events apart. Fields are left as they are, so
// that one of an unexpected type spoils nothing but itself.
type shape map[string]json.RawMessage

// text returns a field that must be a short text, or "".
func (s shape) text(name string) string {
	var text string
	if json.Unmarshal(s[name], &text) != nil || len(text) > 8192 {
		return ""
	}
	return text
}

func (s shape) has(names ...string) bool {
	for _, name := range names {
		if _, ok := s[name]; ok {
			return true
		}
	}
	return false
}

// handle answers one event. An error makes Lambda call again where the call was
// asynchronous (CodeDeploy), and ECS roll back.
func (f *forwarder) handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e shape
	if err := json.Unmarshal(raw, &e); err != nil || e == nil {
		f.log.Error("an event is no JSON object", "bytes", len(raw))
		return nil, errors.New("the event is not a JSON object, so nobody can be answered; this function is meant for CodeDeploy's hooks and for ECS's Lambda hooks")
	}
	ctx, cancel := withReserve(ctx)
	defer cancel()
	switch {
	case e.has("DeploymentId", "LifecycleEventHookExecutionId"):
		return f.codeDeploy(ctx, e, len(raw))
	case e.has("lifecycleStage", "executionId", "resourceArn"):
		return f.ecs(ctx, e, raw), nil
	}
	f.log.Error("an event is neither CodeDeploy's nor ECS's")
	return nil, errors.New("the event is neither CodeDeploy's (DeploymentId, LifecycleEventHookExecutionId) nor ECS's (executionId, lifecycleStage); " +
		"check what invokes this function")
}

// withReserve ends a call a little before Lambda ends the process, so that an error
// is still told.
func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	at, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, at.Add(-min(500*time.Millisecond, time.Until(at)/10)))
}

// asking returns the part of a call's time in which Serin is asked: the rest is for
// telling the fallback.
func asking(ctx context.Context) (context.Context, context.CancelFunc) {
	at, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(at)
	return context.WithDeadline(ctx, at.Add(-max(left/3, min(5*time.Second, left/2))))
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// pathECS is where Serin takes the Lambda hooks of ECS.
const pathECS = "/aws/ecs-hook"

// The words of an answer to ECS.
const (
	hookSucceeded  = "SUCCEEDED"
	hookFailed     = "FAILED"
	hookInProgress = "IN_PROGRESS"
)

// triesKey is where the count of calls that missed Serin is kept in hookDetails.
const triesKey = "serinTries"

// reasonKey is where a reason is, for people who read the deployment's record; Serin's
// own answers have it there too.
const reasonKey = "serinReason"

// hookAnswer is what ECS is told. Details are merged into those of the next call of
// the same hook in the same deployment.
type hookAnswer struct {
	HookStatus    string                     `json:"hookStatus"`
	CallBackDelay int                        `json:"callBackDelay,omitempty"` // seconds
	HookDetails   map[string]json.RawMessage `json:"hookDetails,omitempty"`
}

// ecs answers one call of a Lambda hook. It returns no errors: to ECS an error means
// a rollback without a reason.
func (f *forwarder) ecs(ctx context.Context, e shape, raw json.RawMessage) hookAnswer {
	if goesBack(e) {
		return f.undone(ctx, e, raw)
	}
	switch {
	case f.broken != nil:
		return f.fail(e, fmt.Errorf("the function is configured wrongly: %w", f.broken))
	case f.settings.caller != callerECS:
		return f.fail(e, fmt.Errorf("the function has SERIN_CALLER=%s and was called by ECS", f.settings.caller))
	case len(raw) > maxEvent:
		return f.fail(e, fmt.Errorf("an event of %d bytes is none of ECS's", len(raw)))
	case e.text("executionId") == "" || e.text("lifecycleStage") == "" || e.text("resourceArn") == "":
		return f.fail(e, errors.New("the event of ECS needs executionId, lifecycleStage and resourceArn, all texts"))
	}
	details, missed, err := detailsOf(e)
	if err != nil {
		return f.fail(e, err)
	}
	answer, err := f.ask(ctx, raw)
	var refused *refusedError
	switch {
	case err == nil && missed > 0 && answer.HookStatus == hookInProgress:
		answer.HookDetails = with(answer.HookDetails, triesKey, 0) // only misses in a row count
		return answer
	case err == nil:
		return answer
	case errors.As(err, &refused):
		return f.fail(e, err)
	case missed+1 < f.settings.ecsTries && details:
		f.log.Warn("Serin cannot be reached; ECS will call again", "deployment", e.text("resourceArn"), "tries", missed+1, "cause", err.Error())
		return hookAnswer{hookInProgress, int(f.settings.ecsDelay.Seconds()), with(nil, triesKey, missed+1)}
	}
	status := hookFailed
	if f.settings.fallback == succeeded {
		status = hookSucceeded
	}
	f.log.Error("Serin cannot be reached; answering the fallback", "deployment", e.text("resourceArn"), "status", status, "tries", missed+1, "cause", err.Error())
	return hookAnswer{HookStatus: status, HookDetails: with(nil, reasonKey, printable([]byte(err.Error())))}
}

// ask hands an event to Serin and checks its answer.
func (f *forwarder) ask(ctx context.Context, raw json.RawMessage) (hookAnswer, error) {
	ctx, cancel := asking(ctx)
	defer cancel()
	body, err := f.serin.post(ctx, pathECS, raw, f.serin.tries)
	if err != nil {
		return hookAnswer{}, err
	}
	var a hookAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return a, &refusedError{200, "its answer is not an answer to ECS: " + err.Error()}
	}
	switch a.HookStatus {
	case hookSucceeded, hookFailed, hookInProgress:
		a.CallBackDelay = max(a.CallBackDelay, 0)
		return a, nil
	}
	return a, &refusedError{200, fmt.Sprintf("its answer has the hookStatus %q, which ECS does not know", printable([]byte(a.HookStatus)))}
}

// fail answers no, with a reason.
func (f *forwarder) fail(e shape, why error) hookAnswer {
	f.log.Error("Serin does not judge this hook", "deployment", e.text("resourceArn"), "stage", e.text("lifecycleStage"), "cause", why.Error())
	return hookAnswer{HookStatus: hookFailed, HookDetails: with(nil, reasonKey, printable([]byte(why.Error())))}
}

// undone answers a call that belongs to a rollback: it must succeed, and whatever
// Serin says of the revision does not matter any more. Serin is told once, so that
// the rollout is closed.
func (f *forwarder) undone(ctx context.Context, e shape, raw json.RawMessage) hookAnswer {
	f.log.Info("ECS is rolling back; nothing is judged", "deployment", e.text("resourceArn"), "stage", e.text("lifecycleStage"))
	if f.broken == nil && len(raw) <= maxEvent {
		ctx, cancel := asking(ctx)
		defer cancel()
		if _, err := f.serin.post(ctx, pathECS, raw, 1); err != nil {
			f.log.Warn("Serin was not told of the rollback", "deployment", e.text("resourceArn"), "cause", err.Error())
		}
	}
	return hookAnswer{HookStatus: hookSucceeded}
}

// goesBack reports whether ECS calls a hook of a traffic shift because it rolls back:
// there is no stage of its own for that, but the revision that was to be deployed has
// the weight 0, or none, and another one has the traffic.
func goesBack(e shape) bool {
	var details struct {
		Target     string             `json:"targetServiceRevisionArn"`
		Test       map[string]float64 `json:"testTrafficWeights"`
		Production map[string]float64 `json:"productionTrafficWeights"`
	}
	if json.Unmarshal(e["executionDetails"], &details) != nil || details.Target == "" {
		return false
	}
	weights := details.Production
	switch e.text("lifecycleStage") {
	case "PRODUCTION_TRAFFIC_SHIFT":
	case "TEST_TRAFFIC_SHIFT":
		weights = details.Test
	default:
		return false
	}
	own, known := weightOf(weights, details.Target)
	others := -own
	for _, w := range weights {
		others += w
	}
	if !known { // a revision without traffic may be left out
		return others >= 100
	}
	return own == 0 && others > 0
}

// weightOf returns the weight of a revision. Weights may be named by the end of the
// revision's ARN.
func weightOf(weights map[string]float64, target string) (weight float64, known bool) {
	if w, ok := weights[target]; ok {
		return w, true
	}
	id := target[strings.LastIndexByte(target, '/')+1:]
	for name, w := range weights {
		if name[strings.LastIndexByte(name, '/')+1:] == id && id != "" {
			return w, true
		}
	}
	return 0, false
}

// detailsOf returns how many calls in a row have missed Serin, and whether a count
// can be kept: ECS merges objects only.
func detailsOf(e shape) (keeps bool, missed int, err error) {
	raw, ok := e["hookDetails"]
	if !ok || string(raw) == "null" {
		return true, 0, nil
	}
	var details shape
	if keeps = json.Unmarshal(raw, &details) == nil; !keeps {
		return false, 0, nil
	}
	if kept, ok := details[triesKey]; ok {
		if json.Unmarshal(kept, &missed) != nil || missed < 0 {
			return true, 0, fmt.Errorf("hookDetails.%s is not a count; remove it from the service's definition", triesKey)
		}
	}
	return true, missed, nil
}

// with returns details with one more.
func with(details map[string]json.RawMessage, name string, value any) map[string]json.RawMessage {
	if details == nil {
		details = map[string]json.RawMessage{}
	}
	if b, err := json.Marshal(value); err == nil {
		details[name] = b
	}
	return details
}

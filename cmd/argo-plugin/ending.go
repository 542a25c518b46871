package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// Terminate implements Argo's interface. A measurement in flight is ended because
// the rollout is over, because another metric of the run decided, or by a person.
//
// A guard that was ended has found no harm. Any other gate has not been passed, so
// that it is inconclusive: Argo would take a success for the step's.
func (p provider) Terminate(run *v1alpha1.AnalysisRun, metric v1alpha1.Metric, m v1alpha1.Measurement) v1alpha1.Measurement {
	p.follower.heard(keyOf(run, metric.Name))
	q, err := p.question(run, metric)
	text := ""
	if err == nil {
		text, err = p.tell(q, run)
	}
	_, gone := m.Metadata[metaAwaySince]
	phase := v1alpha1.AnalysisPhaseInconclusive
	if err == nil && q.gate == gateGuard && !gone {
		phase = v1alpha1.AnalysisPhaseSuccessful
	}
	switch {
	case err != nil:
		text = "ended without a verdict; Serin could not be told, and closes the rollout when its time is over: " + err.Error()
	case gone:
		text = "ended while Serin could not be asked; " + text
	case q.gate != gateGuard:
		text = "ended before there was a verdict; " + text
	}
	return p.finish(m, phase, text)
}

// tell tells Serin that the rollout is over, where it is.
func (p provider) tell(q question, run *v1alpha1.AnalysisRun) (string, error) {
	why, over := p.over(q, run)
	if !over {
		return why, nil
	}
	if q.call.Run == nil {
		return why, nil // what knows no run of this time cannot be told from a later one
	}
	k := q.call
	ended := *k.Run
	ended.Ended = shorten(why, 200)
	k.Run = &ended
	k.AnswerWithin = ""
	q.server.timeout = min(q.server.timeout, endTime/2)
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	_, err := q.server.ask(ctx, k)
	if gone := (*away)(nil); errors.As(err, &gone) { // once more: nobody asks after this
		_, err = q.server.ask(ctx, k)
	}
	return why, err
}

// over reports whether the rollout of a run that is being ended is over, and says
// why, or why not.
func (p provider) over(q question, run *v1alpha1.AnalysisRun) (string, bool) {
	for _, r := range run.Status.MetricResults {
		switch {
		case r.DryRun:
		case r.Phase == v1alpha1.AnalysisPhaseFailed, r.Phase == v1alpha1.AnalysisPhaseError:
			return fmt.Sprintf("metric %s of AnalysisRun %s ended as %s", r.Name, run.Name, r.Phase), true
		case r.Phase == v1alpha1.AnalysisPhaseInconclusive:
			return fmt.Sprintf("metric %s was inconclusive, which a person decides", r.Name), false
		}
	}
	name, uid := owner(run)
	if name == "" {
		return "AnalysisRun " + run.Name + " was ended", true // an Experiment's, or nobody's: there is no other run
	}
	if p.cluster != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if why, over, err := p.cluster.over(ctx, on{run.Namespace, name, uid, q.call.CanaryHash}); err == nil {
			return why, over
		}
	}
	if slices.Contains([]gate{gateGuard, gatePromotion}, q.gate) {
		return "AnalysisRun " + run.Name + " was ended", true // with the rollout, all but always
	}
	return "the rollout may go on: it could not be looked up", false
}

package flagger

import (
	"strings"
	"syscall"
	"testing"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
)

// TestFlagger runs every story at once. A story's name is its Canary's.
func TestFlagger(t *testing.T) {
	w := newWorld(t)
	for name, play := range map[string]func(*testing.T, *world){
		"promote": promote, "harm": harm, "undo-alone": undoAlone, "look-alone": lookAlone, "held": held, "proven": proven,
		"revision": revision, "again": again, "skip": skip, "shadow": shadow,
		"blue-green": blueGreen, "blue-green-ill": blueGreenIll, "ab": ab, "ab-harm": abHarm,
		"restart": restart, "down": down, "down-midway": downMidway,
		"metric": metric, "metric-harm": metricHarm, "provider": provider, "run": run, "weights": weights, "body-token": bodyToken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, w)
		})
	}
}

// short makes the steps of the weighted example two.
func short(cd *flaggerv1.Canary) { cd.Spec.Analysis.StepWeight = 25 }

// only leaves these types of hooks of Serin's, and the story's.
func only(types ...flaggerv1.HookType) func(*flaggerv1.Canary) {
	return func(cd *flaggerv1.Canary) {
		short(cd)
		var left []flaggerv1.CanaryWebhook
		for _, h := range cd.Spec.Analysis.Webhooks {
			keep := h.Name == "story"
			for _, t := range types {
				keep = keep || h.Type == t
			}
			if keep {
				left = append(left, h)
			}
		}
		cd.Spec.Analysis.Webhooks = left
	}
}

func promote(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("Advance promote.shop canary weight 25", "Advance promote.shop canary weight 50",
		"Confirm-promotion check serin-promote passed", "Rollback hook serin-undo not signaling a rollback",
		"Post-rollout check serin-end passed", "-external check", "-pre-rollout check serin-start failed")
	r := s.ended("promotion granted")[0]
	if s.image() != "2" || r.Last == nil || r.Last.Outcome != "promote" {
		t.Errorf("got image %s after %+v, want 2 after promote", s.image(), r.Last)
	}
	if ws := r.Rollout.Weights; len(ws) != 2 || ws[0].Percent != 25 || ws[1].Percent != 50 {
		t.Errorf("got weights %v, want those that Flagger's events told", ws)
	}
}

func harm(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.service.breakCanary(0.2)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("Rollback hook serin-undo not signaling a rollback", "Rollback check serin-undo passed", "-Confirm-promotion check serin-promote passed")
	if s.image() != "1" || s.weight() != 0 {
		t.Errorf("got image %s at weight %d, want 1 at 0", s.image(), s.weight())
	}
	if r := s.ended("Failed")[0]; r.Last == nil || r.Last.Outcome != "rollback" {
		t.Errorf("got %+v, want rollback", r.Last)
	}
}

// undoAlone: nothing but the rollback hook stands between a bad canary and everybody.
func undoAlone(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) {
		only(flaggerv1.PreRolloutHook, flaggerv1.RollbackHook, flaggerv1.EventHook)(cd)
		cd.Spec.Analysis.StepWeight = 2
	})
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.want("not signaling a rollback")
	s.service.breakCanary(0.5)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("Rollback check serin-undo passed")
	// Nobody told Serin but by an event.
	s.ended("Failed")
}

// lookAlone: without the rollback hook a proven rollback is failed checks.
func lookAlone(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) {
		only(flaggerv1.PreRolloutHook, flaggerv1.RolloutHook, flaggerv1.ConfirmTrafficIncreaseHook, flaggerv1.PostRolloutHook, flaggerv1.EventHook)(cd)
		cd.Spec.Analysis.Threshold = 3
	})
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.service.breakCanary(0.5)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("Halt look-alone.shop advancement external check serin-look failed rollback: ")
	if n := s.said.count("external check serin-look failed"); n != 3 {
		t.Errorf("got %d failed checks, want the threshold's 3", n)
	}
}

// held: a canary that gets no requests although the routes say so.
func held(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	follow := s.traffic
	s.traffic = func(int) float64 { return 0 }
	s.begin("2")
	s.until("three refusals", func() bool { return s.said.count("waiting for traffic increase approval serin-advance") >= 3 })
	if st := s.canary().Status; st.FailedChecks != 0 || st.Phase != flaggerv1.CanaryPhaseProgressing || s.weight() != 25 {
		t.Errorf("got %d failed checks in phase %s at weight %d, want it held at 25 without any", st.FailedChecks, st.Phase, s.weight())
	}
	s.traffic = follow
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.ended("promotion granted")
}

// proven: traffic grows only on proof.
func proven(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.until("the second weight", func() bool { return s.weight() > 25 })
	if n := s.said.count("waiting for traffic increase approval serin-advance"); n < 3 {
		t.Errorf("got %d refusals before the second weight, want it to wait for proof", n)
	}
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
}

// revision: another revision comes while one is on trial.
func revision(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.deploy("3")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("New revision detected! Restarting analysis")
	list := s.ended("superseded", "promotion granted")
	if s.image() != "3" || list[0].Rollout.Revision == list[1].Rollout.Revision {
		t.Errorf("got image %s, revisions %s and %s; want 3 and two revisions", s.image(), list[0].Rollout.Revision, list[1].Rollout.Revision)
	}
}

// again: the same checksum comes back after it failed, with another between.
func again(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.service.breakCanary(0.5)
	for _, image := range [...]string{"2", "3"} {
		s.begin(image)
		s.untilPhase(flaggerv1.CanaryPhaseFailed)
	}
	s.service.breakCanary(0.01)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	list := s.ended("Failed", "Failed", "promotion granted")
	if a, b := list[0].Rollout, list[2].Rollout; a.Revision != b.Revision || a.Attempt != 1 || b.Attempt != 2 {
		t.Errorf("got %+v and %+v, want two attempts at one revision", a, b)
	}
}

// skip: without an analysis there is nothing to judge, and nothing is opened.
func skip(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) { cd.Spec.SkipAnalysis = true })
	s.deploy("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("Post-rollout check serin-end passed")
	s.ended()
}

// shadow: a bad canary is promoted, and the record says what would have been.
func shadow(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", short)
	s.service.breakCanary(0.5)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("-failed", "-approval")
	s.ended("promotion granted")
}

func blueGreen(t *testing.T, w *world) {
	s := w.newStory(t, "blue-green.yaml", nil)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	if n := s.said.count("Confirm-promotion check serin-promote passed"); n != 2 {
		t.Errorf("got promotion confirmed %d times, want 2: before the switch and before the promotion", n)
	}
	if r := s.ended("promotion granted")[0]; r.Rollout.Comparison != "checks" || s.image() != "2" {
		t.Errorf("got comparison %s and image %s, want checks and 2", r.Rollout.Comparison, s.image())
	}
}

// blueGreenIll: the canary is well at first and falls ill before the switch.
func blueGreenIll(t *testing.T, w *world) {
	s := w.newStory(t, "blue-green.yaml", nil)
	s.begin("2")
	s.until("the first iteration", func() bool { return s.canary().Status.Iterations > 0 })
	s.service.fallIll(true)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("Rollback check serin-undo passed", "-Confirm-promotion check serin-promote passed")
	s.ended("Failed")
}

// half is the share of an A/B test: Flagger routes everybody who matches.
func half(weight int) float64 { return float64(weight) / 200 }

func ab(t *testing.T, w *world) {
	s := w.newStory(t, "ab-test.yaml", nil)
	s.traffic = half
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	r := s.ended("promotion granted")[0]
	if ws := r.Rollout.Weights; len(ws) != 1 || ws[0].Percent != 50 {
		t.Errorf("got weights %v, want the constant one of the metadata", ws)
	}
}

func abHarm(t *testing.T, w *world) {
	s := w.newStory(t, "ab-test.yaml", nil)
	s.traffic = half
	s.begin("2")
	s.until("the first iteration", func() bool { return s.canary().Status.Iterations > 0 })
	s.service.breakCanary(0.3)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("Rollback check serin-undo passed")
	s.ended("Failed")
}

// restart: the server is killed while a canary has traffic, and comes back.
func restart(t *testing.T, w *world) {
	w = w.alone(t)
	s := w.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	before := s.serin.rollouts(s.name)
	s.serin.end(syscall.SIGKILL)
	s.until("two failed checks", func() bool { return s.canary().Status.FailedChecks >= 2 })
	if s.phase() != flaggerv1.CanaryPhaseProgressing || s.weight() != 25 {
		t.Errorf("got phase %s at weight %d without a judge, want it held at 25", s.phase(), s.weight())
	}
	s.serin.start()
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	if r := s.ended("promotion granted")[0]; len(before) != 1 || r.Rollout.ID != before[0].Rollout.ID {
		t.Errorf("got rollout %s, want the one from before the restart: %+v", r.Rollout.ID, before)
	}
}

// down: no judge from the first hook on.
func down(t *testing.T, w *world) {
	w = w.alone(t)
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) { cd.Spec.Analysis.Threshold = 3 })
	s.serin.end(syscall.SIGKILL)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	if s.image() != "1" || s.said.count("canary weight") > 0 {
		t.Errorf("got image %s, want no weight and no promotion without a judge:\n%s", s.image(), s.said)
	}
	s.want("pre-rollout check serin-start failed", "Rollback hook serin-undo not signaling a rollback")
	s.serin.start()
	s.ended()
}

// downMidway: the judge is lost while a canary has traffic, and stays away.
func downMidway(t *testing.T, w *world) {
	w = w.alone(t)
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) {
		short(cd)
		cd.Spec.Analysis.Threshold = 3
	})
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.serin.end(syscall.SIGKILL)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	s.want("external check serin-look failed", "-Rollback check serin-undo passed", "-canary weight 50")
	if s.image() != "1" || s.weight() != 0 {
		t.Errorf("got image %s at weight %d, want 1 at 0", s.image(), s.weight())
	}
	s.serin.start()
	s.ended("") // nobody could tell it; it is swept when its plan's time is over
}

// run: nothing calls the controller's steps; its own loop takes them.
func run(t *testing.T, w *world) {
	own := *w
	own.cluster = w.running
	s := own.newStory(t, "canary.yaml", short)
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("Advance run.shop canary weight 50", "Confirm-promotion check serin-promote passed")
	s.ended("promotion granted")
}

// weights: without the event hook, Serin learns the weights from what Prometheus
// scrapes of Flagger.
func weights(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) {
		short(cd)
		hooks := cd.Spec.Analysis.Webhooks
		cd.Spec.Analysis.Webhooks = nil
		for _, h := range hooks {
			if h.Name == "serin-events" {
				continue
			}
			if h.Type == flaggerv1.RolloutHook || h.Type == flaggerv1.ConfirmPromotionHook {
				h.Metadata = &map[string]string{"weight": "metrics"}
			}
			cd.Spec.Analysis.Webhooks = append(cd.Spec.Analysis.Webhooks, h)
		}
	})
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	ws := s.ended("promotion granted")[0].Rollout.Weights
	if len(ws) == 0 || ws[len(ws)-1].Percent != 50 {
		t.Errorf("got weights %v, want them to end with 50", ws)
	}
}

// bodyToken: the token is in the hooks' metadata, and not in their URLs. A hook with a
// wrong one is a no.
func bodyToken(t *testing.T, w *world) {
	plain := func(cd *flaggerv1.Canary, secret string) {
		for i := range cd.Spec.Analysis.Webhooks {
			h := &cd.Spec.Analysis.Webhooks[i]
			if h.Name == "story" {
				continue
			}
			h.URL = strings.Replace(h.URL, "serin:"+token+"@", "", 1)
			if h.Metadata == nil {
				h.Metadata = &map[string]string{}
			}
			(*h.Metadata)["token"] = secret
		}
	}
	s := w.newStory(t, "canary.yaml", func(cd *flaggerv1.Canary) {
		short(cd)
		plain(cd, "wrong-0123456789abcdef")
	})
	s.begin("2")
	s.until("a refusal", func() bool { return s.said.count("pre-rollout check serin-start failed") > 0 })
	s.ended()
	s.change(func(cd *flaggerv1.Canary) { plain(cd, token) })
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.ended("promotion granted")
}

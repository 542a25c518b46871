package webhooks

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// This file has what each event of Argo does: which rollout it opens, closes, or
// tells the weight of. Notifications are sent again, and one that was under way may
// come late, so that each is held against what is recorded: none reopens what is
// over, and none of an older revision touches a newer one.

// mark is what a rollout's revision says of the Rollout: revision, canary hash and
// the first part of the UID, each of which a poll may lack.
type mark struct {
	number    int // 0: unknown
	hash, uid string
}

// maxNumber bounds what is taken for a revision's number: a hash may be all digits.
const maxNumber = 1_000_000

// markOf reads a recorded rollout's revision, as argoCall.rollout writes it.
func markOf(r rollout.Rollout) mark {
	m := mark{hash: r.Canary.Hash}
	parts := strings.Split(r.Revision, "/")
	if number, err := strconv.Atoi(parts[0]); err == nil && number > 0 && number < maxNumber && parts[0] != m.hash {
		m.number, parts = number, parts[1:]
	}
	if len(parts) > 0 && parts[0] == m.hash {
		parts = parts[1:]
	}
	if len(parts) > 0 {
		m.uid = parts[len(parts)-1]
	}
	return m
}

// mark is what the notification itself says.
func (n *argoNotice) mark() mark {
	return mark{number: n.number(), hash: string(n.CanaryHash), uid: uidPart(n.UID)}
}

// uidPart is how much of a UID is in a revision.
func uidPart(uid text) string { return strings.ToValidUTF8(string(uid[:min(8, len(uid))]), "") }

// recreated reports whether two marks are of two Rollouts of the same name.
func (m mark) recreated(other mark) bool { return m.uid != "" && other.uid != "" && m.uid != other.uid }

// older reports whether m is an older revision than other, as far as both tell.
func (m mark) older(other mark) bool {
	return !m.recreated(other) && m.number > 0 && other.number > 0 && m.number < other.number
}

// same reports whether a recorded rollout is an attempt at the notification's
// revision. A poll may have left parts of the identity out.
func (n *argoNotice) same(r rollout.Rollout) bool {
	var forms []string
	c := n.call()
	for _, revision := range [...]text{n.Revision, ""} {
		for _, hash := range [...]text{n.CanaryHash, ""} {
			for _, uid := range [...]text{n.UID, ""} {
				if c.Revision, c.CanaryHash, c.UID = revision, hash, uid; revision != "" || hash != "" {
					forms = append(forms, c.rollout().Revision)
				}
			}
		}
	}
	return slices.Contains(forms, r.Revision)
}

// noticeUpdated closes what is live of older revisions. The new one is opened when
// its first step tells its hashes: here they are still those of the last one.
func (s *Server) noticeUpdated(ctx context.Context, n *argoNotice) (noticed, error) {
	live, err := s.liveOf(ctx, n)
	if err != nil {
		return noticed{}, err
	}
	for _, sum := range live {
		theirs := markOf(sum.Rollout)
		if !theirs.older(n.mark()) && !theirs.recreated(n.mark()) {
			continue
		}
		if err := s.end(ctx, sum.Rollout, "superseded by revision "+string(n.Revision)); err != nil {
			return noticed{}, err
		}
	}
	return noticed{state: noticeNone, text: "older revisions are judged no more; this one is opened at its first step, pause or analysis"}, nil
}

// noticeOnTrial opens the rollout where it is not known, and records its weight.
func (s *Server) noticeOnTrial(ctx context.Context, n *argoNotice) (noticed, error) {
	list, err := s.known(ctx, n)
	if err != nil {
		return noticed{}, err
	}
	sum, found := n.newest(list)
	if !found {
		why := n.untried(list)
		if why == "" {
			sum, why, err = s.openNotice(ctx, n)
		}
		if err != nil || why != "" {
			return noticed{state: noticeNone, text: why}, err
		}
	}
	did := noticed{id: sum.Rollout.ID, state: noticeOpen, text: "the rollout is judged"}
	if live(sum) {
		err = s.noticeWeight(ctx, n, &did)
		if !errors.Is(err, journal.ErrClosed) {
			return did, err
		}
		if sum, err = s.closedMeanwhile(ctx, did.id, err); err != nil {
			return noticed{}, err
		}
	}
	return overBy(sum, "; a notification opens it no more, the next analysis does"), nil
}

// noticeWeight records the weight where a step was completed, or a pause reached:
// up to there traffic has followed. While an analysis begins it may still be on its
// way.
func (s *Server) noticeWeight(ctx context.Context, n *argoNotice, did *noticed) error {
	percent, told, err := n.percent()
	if err != nil || !told || n.Event == "analysis-run-running" {
		return err
	}
	did.text += "; the canary has " + number(percent) + " % of the traffic"
	return s.cfg.Journal.Declare(ctx, did.id, rollout.WeightAt{At: n.when(s.now()), Percent: percent})
}

// newest finds the newest attempt at the notification's revision.
func (n *argoNotice) newest(list []journal.Summary) (journal.Summary, bool) {
	for _, sum := range list {
		if n.same(sum.Rollout) {
			return sum, true
		}
	}
	return journal.Summary{}, false
}

// untried says why a rollout that is not known is not opened, and nothing where it
// is.
func (n *argoNotice) untried(list []journal.Summary) string {
	switch {
	case n.Aborted == "true":
		return "the Rollout is aborted: nothing is on trial"
	case n.Revision == "" || n.CanaryHash == "":
		return "which revision and which pods are on trial is not told yet"
	case n.StableHash == "":
		return "there is no stable revision yet: nothing to compare with"
	case n.StableHash == n.CanaryHash:
		return "the stable revision is the only one: nothing is on trial"
	}
	for _, sum := range list {
		if n.mark().older(markOf(sum.Rollout)) {
			return "revision " + strconv.Itoa(markOf(sum.Rollout).number) + " is newer: this one is opened no more"
		}
	}
	return ""
}

// openNotice opens the rollout that a poll of the same revision will find, or says
// why not. A blue-green Rollout shares no traffic, and how it is compared is not to
// be guessed: the analysis that asks says it, where nobody else does.
func (s *Server) openNotice(ctx context.Context, n *argoNotice) (journal.Summary, string, error) {
	a := n.call()
	if n.Strategy == "blueGreen" && n.Comparison == "" {
		p, err := s.cfg.Plans.Find(string(n.Plan), string(n.Namespace), string(n.Rollout))
		if err != nil {
			return journal.Summary{}, "", err
		}
		if p.Comparison == "" {
			return journal.Summary{}, "how a blue-green Rollout is compared is not told (by the plan, or by the annotation serin/comparison): its analysis opens it", nil
		}
	}
	r := a.rollout()
	r.Watch = n.Watch == "true"
	sum, err := s.openArgo(ctx, a, r)
	return sum, "", err
}

// noticeAnalysis tells of an analysis that failed, which may be anybody's. Whether
// the Rollout is aborted is Argo's to say.
func (s *Server) noticeAnalysis(ctx context.Context, n *argoNotice) (noticed, error) {
	list, err := s.known(ctx, n)
	if err != nil {
		return noticed{}, err
	}
	sum, found := n.newest(list)
	switch {
	case !found:
		return noticed{state: noticeNone, text: "nothing is judged of this revision"}, nil
	case live(sum):
		return noticed{id: sum.Rollout.ID, state: noticeOpen, text: "an analysis of the Rollout has not succeeded; judging ends when Argo aborts it"}, nil
	}
	return overBy(sum, ""), nil
}

// over closes what is live of a Rollout whose revision is over.
func over(why string) func(*Server, context.Context, *argoNotice) (noticed, error) {
	return func(s *Server, ctx context.Context, n *argoNotice) (noticed, error) {
		live, err := s.liveOf(ctx, n)
		if err != nil {
			return noticed{}, err
		}
		for _, sum := range live {
			if !n.covers(sum.Rollout) {
				continue
			}
			if err := s.end(ctx, sum.Rollout, why); err != nil {
				return noticed{}, err
			}
		}
		list, err := s.known(ctx, n)
		if err != nil {
			return noticed{}, err
		}
		if sum, found := n.newest(list); found {
			return overBy(sum, ""), nil
		}
		return noticed{state: noticeNone, text: "nothing is judged of this revision"}, nil
	}
}

// covers reports whether the end of the notification's revision is the end of a
// live rollout: of the same or an older revision, or of any where the Rollout
// itself is gone.
func (n *argoNotice) covers(r rollout.Rollout) bool {
	theirs, mine := markOf(r), n.mark()
	switch {
	case theirs.recreated(mine):
		return false
	case n.Event == "deleted", n.same(r):
		return true
	}
	return theirs.number > 0 && theirs.number <= mine.number
}

// liveOf lists what is live of a Rollout, of whatever revision.
func (s *Server) liveOf(ctx context.Context, n *argoNotice) ([]journal.Summary, error) {
	return s.argoList(ctx, journal.Filter{Service: string(n.Rollout), Namespace: string(n.Namespace), Live: true})
}

// overBy says that a rollout is over, and why.
func overBy(sum journal.Summary, more string) noticed {
	return noticed{id: sum.Rollout.ID, state: noticeClosed, text: "the rollout is judged no more: " + sum.Why + more}
}

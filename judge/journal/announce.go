package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// again is how long earlier attempts of a revision count.
const again = 24 * time.Hour

// Announced is what [Journal.Announce] did.
type Announced struct {
	Rollout rollout.Rollout
	// New says that the rollout was opened now; otherwise it was live already.
	New bool
	// Superseded are the IDs of live rollouts of the same controller, namespace and
	// service, of other revisions, that were closed by this one.
	Superseded []string
}

// Announce opens a rollout, or finds the live one of the same key. It sets ID,
// Attempt, PlanDigest and, where zero, Started, and pins the plan.
//
// A live rollout is returned as it is recorded: neither its plan nor its arms
// change. A revision is no identity, since the same one may be tried again: where
// the key's last rollout is over, this is a new attempt. Only an announcement that
// names the very start of a rollout that is over is that rollout, and ErrClosed.
func (j *Journal) Announce(ctx context.Context, r rollout.Rollout, p plan.Plan) (Announced, error) {
	return j.announce(ctx, r, p, nil)
}

// Begin is [Journal.Announce] for controllers that name their attempts, by Ref. Where
// mine accepts one of the service's newest rollouts of this controller, of whatever
// revision, that is the attempt, live or over, and nothing is opened or closed.
// Otherwise this is a new one, and what is live is closed, also where it is of the
// same revision. It is found and opened in one step: two replicas that hear of an
// attempt at the same moment open one rollout. Mine must be pure; it may be asked again.
func (j *Journal) Begin(ctx context.Context, r rollout.Rollout, p plan.Plan, mine func(r rollout.Rollout, over bool) bool) (Announced, error) {
	if r.Ref == "" || mine == nil {
		return Announced{}, fmt.Errorf("journal: an attempt of %s at %s has no name of its own; announce it", r.Controller, r.Service)
	}
	return j.announce(ctx, r, p, mine)
}

func (j *Journal) announce(ctx context.Context, r rollout.Rollout, p plan.Plan, mine func(rollout.Rollout, bool) bool) (Announced, error) {
	if r.Service == "" || r.Revision == "" || r.Controller == "" {
		return Announced{}, fmt.Errorf("journal: a rollout needs a service, a revision and a controller; got %q, %q, %q",
			r.Service, r.Revision, r.Controller)
	}
	pinned, err := json.Marshal(p)
	if err != nil {
		return Announced{}, fmt.Errorf("journal: write plan %s: %w", p.Name, err)
	}
	a := announcing{plan: pinned, given: !r.Started.IsZero(), mine: mine}
	a.rollout = normal(r)
	a.rollout.PlanDigest = p.Digest()
	if a.rollout.Plan == "" {
		a.rollout.Plan = p.Name
	}
	if !a.given {
		a.rollout.Started = utc(j.now())
	}
	if err := writable(r); err != nil {
		return Announced{}, err
	}
	var done Announced
	err = j.write(ctx, func(t tx) (err error) {
		done, err = a.run(ctx, t, j)
		return err
	})
	if err != nil {
		return Announced{}, err
	}
	return done, nil
}

// announcing is one announcement on its way into the journal.
type announcing struct {
	rollout rollout.Rollout
	plan    []byte
	given   bool                                    // the caller named the start
	mine    func(r rollout.Rollout, over bool) bool // see Begin; nil for an announcement
}

// ofMine is how many of a service's newest rollouts an attempt is looked for among.
const ofMine = 50

// begun returns the rollout of an attempt that is known by its name.
func (a announcing) begun(ctx context.Context, t tx) (rollout.Rollout, bool, error) {
	if a.mine == nil {
		return rollout.Rollout{}, false, nil
	}
	k := rollout.KeyOf(a.rollout)
	found, err := rows(ctx, t, ask(`where r.controller = $1 and r.namespace = $2 and r.service = $3 order by r.started desc, r.id desc limit $4`,
		k.Controller, k.Namespace, k.Service, ofMine))
	for _, f := range found {
		if a.mine(f.rollout, f.over()) {
			return f.rollout, true, err
		}
	}
	return rollout.Rollout{}, false, err
}

// instead says why a live rollout is closed by this announcement, and nothing where it
// is the one that is announced.
func (a announcing) instead(live rollout.Rollout) string {
	switch {
	case live.Revision != a.rollout.Revision:
		return "superseded by revision " + a.rollout.Revision
	case a.mine != nil:
		return "superseded by another attempt at this revision: " + a.rollout.Ref
	}
	return ""
}

func (a announcing) run(ctx context.Context, t tx, j *Journal) (Announced, error) {
	r := a.rollout
	k := rollout.KeyOf(r)
	if err := t.lock(ctx, fmt.Sprintf("service %q %q %q", k.Controller, k.Namespace, k.Service)); err != nil {
		return Announced{}, err
	}
	if known, found, err := a.begun(ctx, t); found || err != nil {
		return Announced{Rollout: known}, err
	}
	live, err := liveOf(ctx, t, k)
	if err != nil {
		return Announced{}, err
	}
	var superseded []string
	for _, other := range live {
		why := a.instead(other)
		if why == "" {
			return Announced{Rollout: other}, nil
		}
		if err := j.end(ctx, t, other, closing{utc(j.now()), why}); err != nil {
			return Announced{}, err
		}
		superseded = append(superseded, other.ID)
	}
	if r, err = a.identify(ctx, t); err != nil {
		return Announced{}, err
	}
	if err := one(ctx, t, ask(`select count(*) + 1 from rollouts
		where controller = $1 and namespace = $2 and service = $3 and revision = $4 and started > $5 and started <= $6`,
		k.Controller, k.Namespace, k.Service, k.Revision, nanos(r.Started.Add(-again)), nanos(r.Started)), &r.Attempt); err != nil {
		return Announced{}, err
	}
	if _, err := t.Exec(ctx, `insert into plans (digest, data) values ($1, $2) on conflict (digest) do nothing`,
		r.PlanDigest, string(a.plan)); err != nil {
		return Announced{}, err
	}
	if err := insert(ctx, t, r); err != nil {
		return Announced{}, err
	}
	return Announced{Rollout: r, New: true, Superseded: superseded},
		j.tell(ctx, t, Event{Kind: EventAnnounced, At: utc(j.now()), Rollout: r})
}

// writable refuses names that no database text can hold.
func writable(r rollout.Rollout) error {
	for _, s := range []string{r.Controller, r.Namespace, r.Service, r.Revision} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("journal: %q is no name: it is not UTF-8, or holds a NUL", s)
		}
	}
	return nil
}

// identify gives the rollout its ID. Where the clock, not the caller, gave the
// start and that start is taken, it moves on by a nanosecond.
func (a announcing) identify(ctx context.Context, t tx) (rollout.Rollout, error) {
	r := a.rollout
	for {
		r.ID = rollout.NewID(rollout.KeyOf(r), r.Started)
		_, err := get(ctx, t, r.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			return r, nil
		case err != nil:
			return r, err
		case a.given:
			return r, fmt.Errorf("journal: rollout %s of %s, revision %s, started %s: %w",
				r.ID, r.Service, r.Revision, r.Started.Format(time.RFC3339Nano), ErrClosed)
		}
		r.Started = r.Started.Add(1)
	}
}

// normal brings a rollout's times into the form in which they are recorded, and
// its weights into order.
func normal(r rollout.Rollout) rollout.Rollout {
	r.Started, r.FinalStep = utc(r.Started), utc(r.FinalStep)
	r.Weights = slices.Clone(r.Weights)
	for i := range r.Weights {
		r.Weights[i].At = utc(r.Weights[i].At)
	}
	slices.SortStableFunc(r.Weights, func(a, b rollout.WeightAt) int { return a.At.Compare(b.At) })
	return r
}

// digest returns the SHA-256 of bytes, hexadecimal.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

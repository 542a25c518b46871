package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// phase is a Flagger canary's status.phase.
type phase string

// The phases that a weighted canary goes through.
const (
	initialized      phase = "Initialized"
	waiting          phase = "Waiting"
	progressing      phase = "Progressing"
	waitingPromotion phase = "WaitingPromotion"
	promoting        phase = "Promoting"
	finalising       phase = "Finalising"
	succeeded        phase = "Succeeded"
	failed           phase = "Failed"
)

// over reports whether Flagger has nothing more to do.
func (p phase) over() bool { return p == succeeded || p == failed }

// canary is what Flagger's Canary resource says, as far as the driver heeds it.
type canary struct {
	name, namespace string
	checksum        string // of the revision on trial
	threshold       int    // failed checks before Flagger rolls back by itself
	steps           []int  // stepWeights, ascending; the last is the highest weight
	metadata        map[string]string
}

// router shifts traffic.
type router interface {
	// SetWeight gives the canary this many percent.
	SetWeight(percent int)
}

// Event is an event that Flagger would have recorded.
type Event struct {
	At      time.Time `json:"at"`
	Warning bool      `json:"warning,omitempty"`
	Message string    `json:"message"`
	// Routine says that it is recorded again and again while nothing happens.
	Routine bool `json:"-"`
}

// kind is how an event is recorded.
type kind int

const (
	normal kind = iota
	routine
	warning
)

// driver behaves as Flagger's controller does towards one weighted canary whose
// every webhook is Serin's: what it asks, in which order, what it makes of a
// refusal, and what it records.
type driver struct {
	canary canary
	hooks  *hooks
	router router
	now    func() time.Time
	tell   func(Event) // may be nil

	phase        phase
	weight       int
	failedChecks int
	events       []Event
}

// tick is one run of Flagger's control loop for the canary. Within it everything
// happens one after the other, and the first refusal ends it.
func (d *driver) tick(ctx context.Context) {
	switch d.phase {
	case initialized, waiting:
		d.begin(ctx)
		return
	case succeeded, failed:
		return
	}
	if d.phase == progressing || d.phase == waitingPromotion {
		if d.rollbackHook(ctx) {
			d.event(ctx, warning, "Rolling back %s manual webhook invoked", d.fullName())
			d.rollback(ctx)
			return
		}
	}
	switch {
	case d.phase == promoting:
		d.event(ctx, normal, "Routing all traffic to primary")
		d.shift(0)
		d.phase = finalising
	case d.phase == finalising:
		d.end(ctx, succeeded)
		d.event(ctx, normal, "Promotion completed! Scaling down %s", d.fullName())
	case d.failedChecks >= d.canary.threshold:
		d.event(ctx, warning, "Rolling back %s failed checks threshold reached %d", d.fullName(), d.failedChecks)
		d.rollback(ctx)
	default:
		d.advance(ctx)
	}
}

// begin asks whether the rollout may start.
func (d *driver) begin(ctx context.Context) {
	if err := d.ask(ctx, "confirm-rollout", d.phase); err != nil {
		if d.phase != waiting {
			d.phase = waiting
			d.event(ctx, warning, "Halt %s advancement waiting for approval serin", d.fullName())
		}
		return
	}
	d.event(ctx, normal, "Confirm-rollout check serin passed")
	d.phase = progressing
	d.event(ctx, normal, "New revision detected! Scaling up %s", d.fullName())
}

// advance runs the checks of a canary in progress and takes the next step.
func (d *driver) advance(ctx context.Context) {
	if d.weight == 0 {
		d.event(ctx, routine, "Starting canary analysis for %s", d.fullName())
		if err := d.ask(ctx, "pre-rollout", progressing); err != nil {
			d.event(ctx, warning, "Halt %s advancement pre-rollout check serin failed %v", d.fullName(), err)
			d.failedChecks++
			return
		}
		d.event(ctx, routine, "Pre-rollout check serin passed")
	} else if err := d.ask(ctx, "rollout", progressing); err != nil {
		d.event(ctx, warning, "Halt %s advancement external check serin failed %v", d.fullName(), err)
		d.failedChecks++
		return
	}
	// Flagger asks this once more at the highest weight, too.
	if d.phase != waitingPromotion {
		if err := d.ask(ctx, "confirm-traffic-increase", progressing); err != nil {
			d.event(ctx, warning, "Halt %s advancement waiting for traffic increase approval serin", d.fullName())
			return
		}
		d.event(ctx, routine, "Confirm-traffic-increase check serin passed")
	}
	if next, ok := d.next(); ok {
		d.shift(next)
		d.event(ctx, normal, "Advance %s canary weight %d", d.fullName(), next)
		return
	}
	d.promote(ctx)
}

// promote asks for the last promotion.
func (d *driver) promote(ctx context.Context) {
	if err := d.ask(ctx, "confirm-promotion", progressing); err != nil {
		if d.phase != waitingPromotion {
			d.phase = waitingPromotion
			d.event(ctx, warning, "Halt %s advancement waiting for promotion approval serin", d.fullName())
		}
		return
	}
	d.event(ctx, normal, "Confirm-promotion check serin passed")
	d.event(ctx, normal, "Copying %s template spec to %s-primary.%s",
		d.fullName(), d.canary.name, d.canary.namespace)
	d.phase = promoting
}

// rollbackHook asks whether to roll back. An error is no signal: Flagger goes on.
func (d *driver) rollbackHook(ctx context.Context) bool {
	if err := d.ask(ctx, "rollback", d.phase); err != nil {
		d.event(ctx, routine, "Rollback hook serin not signaling a rollback")
		return false
	}
	d.event(ctx, warning, "Rollback check serin passed")
	return true
}

// rollback gives all traffic back to the primary.
func (d *driver) rollback(ctx context.Context) {
	d.shift(0)
	d.phase = failed
	d.event(ctx, warning, "Canary failed! Scaling down %s", d.fullName())
	d.end(ctx, failed)
}

// end tells the post-rollout hook how it ended. The answer changes nothing.
func (d *driver) end(ctx context.Context, p phase) {
	d.phase = p
	if err := d.ask(ctx, "post-rollout", p); err != nil {
		d.event(ctx, warning, "Post-rollout hook serin failed %v", err)
		return
	}
	d.event(ctx, normal, "Post-rollout check serin passed")
}

// next returns the weight of the next step, and false at the highest.
func (d *driver) next() (int, bool) {
	for _, w := range d.canary.steps {
		if w > d.weight {
			return w, true
		}
	}
	return 0, false
}

func (d *driver) shift(weight int) {
	d.weight = weight
	d.router.SetWeight(weight)
}

func (d *driver) ask(ctx context.Context, hook string, p phase) error {
	return d.hooks.call(ctx, hook, d.payload(p))
}

func (d *driver) payload(p phase) payload {
	return payload{
		Name: d.canary.name, Namespace: d.canary.namespace, Phase: p,
		Checksum: d.canary.checksum, Metadata: d.canary.metadata,
	}
}

// event records an event and, as Flagger does, sends it to the event hook before
// anything else happens. A refusal is logged by Flagger and otherwise ignored.
func (d *driver) event(ctx context.Context, k kind, format string, args ...any) {
	e := Event{At: d.now(), Warning: k == warning, Routine: k == routine, Message: fmt.Sprintf(format, args...)}
	d.events = append(d.events, e)
	if d.tell != nil {
		d.tell(e)
	}
	p := d.payload(d.phase)
	p.Metadata = map[string]string{}
	for k, v := range d.canary.metadata {
		p.Metadata[k] = v
	}
	severity := "Normal"
	if e.Warning {
		severity = "Warning"
	}
	p.Metadata["eventMessage"], p.Metadata["eventType"] = e.Message, severity
	p.Metadata["timestamp"] = strconv.FormatInt(e.At.UnixMilli(), 10)
	_ = d.hooks.call(ctx, "event", p)
}

func (d *driver) fullName() string { return d.canary.name + "." + d.canary.namespace }

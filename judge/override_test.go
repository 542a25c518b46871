package judge

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// decided returns overrides as a journal would number them, all by ann.
func decided(os ...Override) []Override {
	for i := range os {
		os[i].Seq, os[i].At, os[i].By, os[i].Reason = i+1, testStart, "ann", "because of the moon"
	}
	return os
}

func TestOverrides(t *testing.T) {
	promote, hold, clear := Override{Action: OverridePromote}, Override{Action: OverrideHold}, Override{Action: OverrideClear}
	rollBack, despite := Override{Action: OverrideRollback}, Override{Action: OverridePromote, DespiteHarm: true}
	worse := canaryOnly(0.022, 0.002)
	type want struct {
		outcome            Outcome
		proven             bool
		advance, promotion bool
		rollBack, latched  bool
		quoted             bool // in the reason of the refused or granted promotion
	}
	for name, c := range map[string]struct {
		closed    int
		bad       bool
		edit      func(*Input)
		overrides []Override
		want      want
	}{
		"none":    {closed: 8, want: want{outcome: Continue, advance: true}},
		"promote": {closed: 8, overrides: decided(promote), want: want{outcome: Promote, advance: true, promotion: true, quoted: true}},
		"cleared": {closed: 8, overrides: decided(promote, clear), want: want{outcome: Continue, advance: true}},
		"hold":    {closed: 8, overrides: decided(hold), want: want{outcome: Continue, quoted: true}},
		"hold of a proven canary": {closed: 40, overrides: decided(hold),
			want: want{outcome: Promote, proven: true, quoted: true}},
		"promote of a proven canary": {closed: 40, overrides: decided(promote),
			want: want{outcome: Promote, proven: true, advance: true, promotion: true}},
		"hold after promote": {closed: 8, overrides: decided(promote, hold), want: want{outcome: Continue, quoted: true}},
		"promote after hold": {closed: 8, overrides: decided(hold, promote), want: want{outcome: Promote, advance: true, promotion: true, quoted: true}},
		"rollback":           {closed: 8, overrides: decided(rollBack), want: want{outcome: Rollback, rollBack: true, latched: true, quoted: true}},
		"a rollback is not cleared": {closed: 8, overrides: decided(rollBack, clear),
			want: want{outcome: Rollback, rollBack: true, latched: true, quoted: true}},
		"a rollback is not promoted": {closed: 8, overrides: decided(rollBack, promote),
			want: want{outcome: Rollback, rollBack: true, latched: true, quoted: true}},
		"unless despite it": {closed: 8, overrides: decided(rollBack, despite),
			want: want{outcome: Promote, advance: true, promotion: true, latched: true, quoted: true}},
		"rollback before any block": {closed: 0, overrides: decided(rollBack),
			want: want{outcome: Rollback, rollBack: true, latched: true, quoted: true}},
		"harm that is proven later": {closed: 8, bad: true, overrides: decided(promote),
			want: want{outcome: Rollback, proven: true, rollBack: true, latched: true}},
		"harm despite which": {closed: 8, bad: true, overrides: decided(despite),
			want: want{outcome: Promote, advance: true, promotion: true, latched: true, quoted: true}},
		"hold of a bad canary": {closed: 8, bad: true, overrides: decided(hold),
			want: want{outcome: Rollback, proven: true, rollBack: true, latched: true}},
		"harm that was latched before": {closed: 8, edit: func(in *Input) { in.Record.Latch = &Latch{Reason: "silent"} }, overrides: decided(promote),
			want: want{outcome: Rollback, rollBack: true, latched: true}},
		"a policy's rollback at the deadline": {closed: 8, edit: func(in *Input) {
			in.Record.Plan.MaxDuration, in.Record.Plan.AtDeadline = in.Record.Plan.Block, plan.Rollback
		}, overrides: decided(promote), want: want{outcome: Promote, advance: true, promotion: true, quoted: true}},
		"shadow": {closed: 8, edit: func(in *Input) { in.Record.Plan.Mode = plan.Shadow }, overrides: decided(hold),
			want: want{outcome: Continue, advance: true, promotion: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2)
			if c.bad {
				w.errors = worse
			}
			in := w.input(c.closed)
			in.Record.Overrides = c.overrides
			if c.edit != nil {
				c.edit(&in)
			}
			v := Evaluate(in)
			got := want{
				v.Outcome, v.Proven, v.Advance.Yes, v.Promotion.Yes, v.RollBack.Yes, v.Latched != nil,
				strings.Contains(v.Promotion.Reason, "by ann (override, not proven): because of the moon"),
			}
			if got != c.want {
				t.Errorf("got %+v\nwant %+v\nreason: %s\npromotion: %s", got, c.want, v.Reason, v.Promotion.Reason)
			}
			if v.RollBack.Yes && (v.Advance.Yes || v.Promotion.Yes) {
				t.Error("it rolls back and goes on")
			}
		})
	}
}

func TestOverridesReplay(t *testing.T) {
	w := newWorld(2)
	in := w.input(8)
	in.Record.Overrides = decided(Override{Action: OverrideRollback})
	v := Evaluate(in)
	looks := []Look{{
		Rollout: in.Record.Rollout.ID, Freeze: in.Record.Frozen, Verdict: v,
		Context: Context{Closed: in.Closed, Overrides: in.Record.Overrides},
	}}
	again, err := Replay(in.Record.Plan, looks, "test")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(v)
	if got, _ := json.Marshal(again[0]); string(got) != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestOverrideRefusals(t *testing.T) {
	good := Override{By: "ann", Action: OverrideHold, Reason: "a sale"}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v, want a good override", err)
	}
	for want, edit := range map[string]func(*Override){
		`"stop" is no action`:    func(o *Override) { o.Action = "stop" },
		"who decided":            func(o *Override) { o.By = " " },
		"needs a reason":         func(o *Override) { o.Reason = "\n" },
		"1000 bytes":             func(o *Override) { o.Reason = strings.Repeat("x", 1001) },
		"despiteHarm belongs to": func(o *Override) { o.DespiteHarm = true },
	} {
		o := good
		edit(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	bad := Override{}
	if err := bad.Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want all three faults", err)
	}
}

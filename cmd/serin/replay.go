package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// replayCmd computes recorded verdicts again.
type replayCmd struct {
	journalIn
	ID  []string `arg:"" optional:"" name:"id" help:"A verdict's ID, or a rollout's: then every verdict of it."`
	All bool     `help:"Every verdict of the journal."`
}

// Help implements kong.HelpProvider.
func (replayCmd) Help() string {
	return `Examples:

    serin replay qk3v5zgq7xmh2b4t-12
    serin replay --all --journal /var/lib/serin/serin.db

A verdict is computed again from what its looks recorded and from the pinned plan; nothing is asked of any
source. The exit code is 0 where every verdict comes out byte for byte as it was recorded, and 1 where one
differs: then each field that does is shown, with - for what was recorded and + for what this build says.
Another version may differ; the version that a verdict was recorded by is named. Where its inputs were
removed by policy (inputs: in the configuration), a verdict cannot be computed: one that was named is an
error that says on which day, and --all counts them.`
}

// Run implements the command.
func (c replayCmd) Run(ctx context.Context, s *streams) error {
	if (len(c.ID) == 0) == !c.All {
		return errors.New("name the verdict, or its rollout, or use --all")
	}
	return c.with(ctx, s, func(j *journal.Journal) error {
		r := replayer{journal: j, out: s.out}
		for _, id := range c.ID {
			if err := r.replay(ctx, id); err != nil {
				return err
			}
		}
		if c.All {
			if err := j.Each(ctx, func(id string) error { return r.ifItCan(ctx, id) }); err != nil {
				return err
			}
		}
		if r.differ > 0 {
			fmt.Fprintf(s.err, "%d of %d verdicts differ\n", r.differ, r.same+r.differ)
			return exitCode(exitFailure)
		}
		if r.gone > 0 {
			fmt.Fprintf(s.out, "%d rollouts cannot be replayed: their inputs were removed by policy\n", r.gone)
		}
		_, err := fmt.Fprintf(s.out, "%d verdicts are byte for byte as they were recorded\n", r.same)
		return err
	})
}

// replayer replays and counts.
type replayer struct {
	journal      *journal.Journal
	out          io.Writer
	same, differ int
	gone         int // rollouts whose inputs were removed
}

// ifItCan replays a rollout of many, where it has its inputs.
func (r *replayer) ifItCan(ctx context.Context, id string) error {
	err := r.rollout(ctx, id, 0)
	if errors.Is(err, journal.ErrInputsRemoved) {
		r.gone++
		return nil
	}
	return err
}

// replay replays a verdict, or all of a rollout.
func (r *replayer) replay(ctx context.Context, id string) error {
	if i := strings.LastIndexByte(id, '-'); i > 0 {
		if seq, err := strconv.Atoi(id[i+1:]); err == nil && seq > 0 {
			return r.rollout(ctx, id[:i], seq)
		}
	}
	return r.rollout(ctx, id, 0)
}

// rollout replays look seq of a rollout; 0 is every look.
func (r *replayer) rollout(ctx context.Context, id string, seq int) error {
	looks, err := r.journal.Looks(ctx, id)
	if err != nil {
		return err
	}
	if seq > len(looks) {
		return fmt.Errorf("rollout %s has %d verdicts, and no %d", id, len(looks), seq)
	}
	if len(looks) == 0 {
		return nil
	}
	recorded, err := r.journal.VerdictsJSON(ctx, id)
	if err != nil {
		return err
	}
	p, err := r.journal.Plan(ctx, id)
	if err != nil {
		return err
	}
	again := map[string][]judge.Verdict{} // by the version that is written into them
	for i, l := range looks {
		if seq > 0 && i+1 != seq {
			continue
		}
		engine := l.Verdict.Engine
		if again[engine] == nil {
			if again[engine], err = judge.Replay(p, looks, engine); err != nil {
				return err
			}
		}
		if err := r.compare(l.Verdict, recorded[i], again[engine][i]); err != nil {
			return err
		}
	}
	return nil
}

// compare shows how a verdict differs from the one that was recorded.
func (r *replayer) compare(was judge.Verdict, recorded []byte, again judge.Verdict) error {
	now, err := json.Marshal(again)
	if err != nil {
		return fmt.Errorf("verdict %s: %w", was.ID, err)
	}
	if bytes.Equal(recorded, now) {
		r.same++
		return nil
	}
	r.differ++
	fmt.Fprintf(r.out, "verdict %s, recorded by serin %s, differs from what serin %s says:\n", was.ID, was.Engine, version())
	lines, err := differences(recorded, now)
	if err != nil {
		return fmt.Errorf("verdict %s: %w", was.ID, err)
	}
	_, err = fmt.Fprintln(r.out, strings.Join(lines, "\n"))
	return err
}

// differences lists where two JSON texts differ, field by field.
func differences(was, now []byte) ([]string, error) {
	var a, b any
	for text, into := range map[*[]byte]*any{&was: &a, &now: &b} {
		d := json.NewDecoder(bytes.NewReader(*text))
		d.UseNumber() // digits are compared, not values
		if err := d.Decode(into); err != nil {
			return nil, err
		}
	}
	lines := differ(nil, "", a, b)
	if len(lines) == 0 {
		lines = []string{"  only in how the JSON is written"}
	}
	return lines, nil
}

// differ appends the differences of two values at a path.
func differ(lines []string, path string, a, b any) []string {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			keys := make([]string, 0, len(x)+len(y))
			for k := range x {
				keys = append(keys, k)
			}
			for k := range y {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range slices.Compact(keys) {
				lines = differ(lines, strings.TrimPrefix(path+"."+k, "."), at(x, k), at(y, k))
			}
			return lines
		}
	case []any:
		if y, ok := b.([]any); ok {
			for i := range max(len(x), len(y)) {
				lines = differ(lines, fmt.Sprintf("%s[%d]", path, i), item(x, i), item(y, i))
			}
			return lines
		}
	}
	if reflect.DeepEqual(a, b) {
		return lines
	}
	for _, side := range []struct {
		sign  string
		value any
	}{{"-", a}, {"+", b}} {
		if _, none := side.value.(missing); !none {
			text, err := json.Marshal(side.value)
			if err != nil {
				text = []byte(err.Error()) // it was read from JSON a moment ago
			}
			lines = append(lines, fmt.Sprintf("  %s %s: %s", side.sign, path, text))
		}
	}
	return lines
}

// missing is the type of a value that one side does not have, unlike null.
type missing struct{}

// at returns a key's value.
func at(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return missing{}
}

// item returns an element.
func item(l []any, i int) any {
	if i < len(l) {
		return l[i]
	}
	return missing{}
}

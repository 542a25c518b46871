package calibrate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

// Comparison is what two plans do on the same draws.
type Comparison struct {
	Plans   [2]string `json:"plans"`
	Service string    `json:"service"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Draws   int       `json:"draws"`
	Pods    int       `json:"pods"`
	Seed    uint64    `json:"seed"`
	// Healthy are both plans on pods with which nothing is wrong; Harmed on the same with
	// Harm in their counts, nil where there was none.
	Healthy [2]Report  `json:"healthy"`
	Harmed  *[2]Report `json:"harmed,omitempty"`
	Harm    *Harm      `json:"harm,omitempty"`
	// Alarms and Found compare how often either plan rolled back.
	Alarms Paired  `json:"alarms"`
	Found  *Paired `json:"found,omitempty"`
	// Sooner is by how many minutes the second plan promotes sooner, the median of the
	// draws that both promote; nil where there is none. FoundSooner is that of rollbacks
	// of harmed ones.
	Sooner      *float64    `json:"promotesSoonerMinutes"`
	FoundSooner *float64    `json:"findsSoonerMinutes"`
	Differ      []Different `json:"differ"`
	Notes       []string    `json:"notes,omitempty"`
}

// Paired counts draws by what both plans did.
type Paired struct {
	Both   int `json:"both"`
	First  int `json:"first"`  // only the first plan rolled back
	Second int `json:"second"` // only the second one
	None   int `json:"none"`
	// Chance is the probability of draws so unevenly divided between First and Second
	// where neither plan is more prone to roll back (McNemar 1947, exact). Draws that
	// resemble each other count as fewer.
	Chance float64 `json:"chance"`
}

// Different is a draw on which the plans say different things.
type Different struct {
	Start  time.Time `json:"start"`
	Pods   []string  `json:"pods"`
	Harmed bool      `json:"harmed,omitempty"`
	Said   [2]string `json:"said"`
}

// Compare judges the same draws by two plans, and again with a harm in them where c has
// one. Of c, the first plan is left out. The plans must have blocks of the same length.
func Compare(ctx context.Context, f *File, h *History, plans [2]plan.Plan, c Config) (Comparison, error) {
	if plans[0].Block != plans[1].Block {
		return Comparison{}, fmt.Errorf("plan %s has blocks of %s and plan %s of %s; the same draws need blocks of the same length",
			plans[0].Name, plans[0].Block, plans[1].Name, plans[1].Block)
	}
	if err := c.Harm.without(plans[:]...); err != nil {
		return Comparison{}, err
	}
	c.Rollout = max(plans[0].MaxDuration.D(), plans[1].MaxDuration.D())
	c.Before = max(plans[0].PrePeriod.D(), plans[1].PrePeriod.D())
	c.Paths = -1
	harm, tell := c.Harm, c.Tell
	passes := 2
	if harm != nil {
		passes = 4
	}
	var reports [4]Report
	for i := range passes {
		of := c
		of.Plan, of.Harm = plans[i%2], nil
		if i >= 2 {
			of.Harm = harm
		}
		if tell != nil {
			of.Tell = func(done, all int) { tell(i*all+done, passes*all) }
		}
		r, err := Study(ctx, f, h, of)
		if err != nil {
			return Comparison{}, fmt.Errorf("plan %s: %w", plans[i%2].Name, err)
		}
		reports[i] = r
	}
	return compared(plans, reports, harm)
}

func compared(plans [2]plan.Plan, rs [4]Report, harm *Harm) (Comparison, error) {
	for i, d := range rs[0].Draws {
		if o := rs[1].Draws[i]; !d.Start.Equal(o.Start) || !slices.Equal(d.Pods, o.Pods) {
			return Comparison{}, fmt.Errorf("draw %d is not the same for both plans: their metrics that count requests, or the lengths of their blocks, tell other pods to be there", i)
		}
	}
	out := Comparison{
		Plans: [2]string{plans[0].Name, plans[1].Name}, Service: plans[0].Service, From: rs[0].From, To: rs[0].To,
		Draws: len(rs[0].Draws), Pods: rs[0].Pods, Seed: rs[0].Seed, Harm: harm, Healthy: [2]Report{rs[0], rs[1]},
	}
	out.Alarms = paired(rs[0], rs[1])
	out.Sooner = sooner(rs[0], rs[1], promotedAt)
	out.differ(rs[0], rs[1], false)
	for i := range 2 {
		for _, n := range rs[i].Notes {
			if text := fmt.Sprintf("Plan %s: %s", plans[i].Name, n); !slices.Contains(out.Notes, n) && (i == 0 || !slices.Contains(rs[0].Notes, n)) {
				out.Notes = append(out.Notes, text)
			}
		}
	}
	if harm != nil {
		out.Harmed = &[2]Report{rs[2], rs[3]}
		found := paired(rs[2], rs[3])
		out.Found = &found
		out.FoundSooner = sooner(rs[2], rs[3], func(d Result) int { return d.Harm })
		out.differ(rs[2], rs[3], true)
	}
	return out, nil
}

// paired counts rollbacks of the same draws.
func paired(a, b Report) Paired {
	var p Paired
	for i := range a.Draws {
		switch first, second := a.Draws[i].Harm > 0, b.Draws[i].Harm > 0; {
		case first && second:
			p.Both++
		case first:
			p.First++
		case second:
			p.Second++
		default:
			p.None++
		}
	}
	part := told(a, b) / math.Max(float64(len(a.Draws)), 1)
	p.Chance = uneven(int(math.Round(float64(p.First)*part)), int(math.Round(float64(p.Second)*part)))
	return p
}

// told is how many independent draws tell as much of where two reports differ.
func told(a, b Report) float64 {
	k := kinshipOf(a.Draws)
	n := math.Min(k.told(a.Likeness), k.told(b.Likeness))
	if z, _ := k.outcomes(func(d Result) bool { return d.Harm > 0 != (b.Draws[d.Index].Harm > 0) }); z != nil {
		n = math.Min(n, k.told(k.alike(z)))
	}
	return math.Min(n, float64(len(a.Draws)))
}

// uneven is the two-sided probability of a division at least as uneven by a fair coin.
func uneven(a, b int) float64 {
	n, k := a+b, min(a, b)
	if n == 0 {
		return 1
	}
	sum, term := 0.0, -float64(n)*math.Ln2
	for i := 0; i <= k; i++ {
		sum += math.Exp(term)
		term += math.Log(float64(n-i)) - math.Log(float64(i+1))
	}
	return math.Min(1, 2*sum)
}

// sooner is the median of how many minutes b is sooner than a, over the draws that have
// both.
func sooner(a, b Report, when func(Result) int) *float64 {
	var by []float64
	for i := range a.Draws {
		if x, y := when(a.Draws[i]), when(b.Draws[i]); x > 0 && y > 0 {
			by = append(by, float64(x-y)*a.block.Minutes())
		}
	}
	if len(by) == 0 {
		return nil
	}
	slices.Sort(by)
	m := (by[(len(by)-1)/2] + by[len(by)/2]) / 2
	return &m
}

// mostDiffer bounds the draws that are listed.
const mostDiffer = 40

func (c *Comparison) differ(a, b Report, harmed bool) {
	for i := range a.Draws {
		x, y := a.said(i), b.said(i)
		if a.Draws[i].outcome() == b.Draws[i].outcome() || len(c.Differ) >= mostDiffer {
			continue
		}
		c.Differ = append(c.Differ, Different{Start: a.Draws[i].Start, Pods: a.Draws[i].Pods, Harmed: harmed, Said: [2]string{x, y}})
	}
}

func (d Result) outcome() string {
	switch {
	case d.RolledBack > 0:
		return "rollback"
	case d.Promoted > 0:
		return "promote"
	}
	return "neither"
}

// said is what became of a draw, in words.
func (r Report) said(i int) string {
	d := r.Draws[i]
	at := max(d.RolledBack, d.Promoted)
	if at == 0 {
		return "neither"
	}
	return fmt.Sprintf("%s after %s", d.outcome(), minutes(float64(at)*r.block.Minutes()))
}

func minutes(m float64) string {
	if m < 2 {
		return fmt.Sprintf("%.0f s", 60*m)
	}
	return fmt.Sprintf("%.3g min", m)
}

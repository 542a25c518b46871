package pages

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/vg/draw"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// OutcomeCount is how many rollouts of a service have an outcome.
type OutcomeCount struct {
	Outcome  judge.Outcome
	Rollouts int
	All      string // address of the list of them
}

// Tone is the outcome's colour.
func (o OutcomeCount) Tone() string { return toneOf(o.Outcome) }

// Blame is a metric, check or limit that rollbacks were blamed on.
type Blame struct {
	Name     string
	Rollouts int
	Last     time.Time // start of the newest of them
}

// Service is what a service's page shows.
type Service struct {
	Namespace, Name string
	Since           time.Time // what is counted started since then
	Rollouts        int
	LiveNow         int // of Rollouts
	Outcomes        []OutcomeCount
	Blamed          []Blame          // the most frequent first
	Rates           []judge.SelfRate // of false alarms
	Reversed        int              // rollbacks that people reversed
	Past            []report.Past    // the newest first
	All             string           // address of the list of all of them
	Judgements      []Judgement      // of Kayenta's callers, the newest first
	Now             time.Time
}

// servicePage is a service as its template has it.
type servicePage struct {
	common
	Service
	Verdicts template.HTML
	Self     []selfCheck
	Noisy    []judge.SelfRate
	Judged   tally
}

// selfCheck is a rate of false alarms in words.
type selfCheck struct {
	judge.SelfRate
	What, Reading string
}

// Service writes a service's page.
func (p *Pages) Service(w io.Writer, s Service) error {
	page := servicePage{common: common{Title: shorten(report.Plain(s.Name), longName)}, Service: s, Judged: tallyOf(s.Judgements)}
	page.Live = serviceAddress(s.Namespace, s.Name) + "/events" // without an address: of all
	var err error
	if page.Verdicts, err = p.pen.verdicts(s.Past, s.Now); err != nil {
		return err
	}
	for _, r := range s.Rates {
		switch {
		case r.Metric == "":
			page.Self = append(page.Self, selfCheck{r, whatWasJudged(r.Of), readingOf(r)})
		case r.Of == judge.OfPlacebos && r.Alarms > 0:
			page.Noisy = append(page.Noisy, r)
		}
	}
	return write(w, p.service, page)
}

func whatWasJudged(of string) string {
	if of == judge.OfPlacebos {
		return "Pods of the baseline, judged as if they were the canary"
	}
	return "Canaries that were promoted"
}

// fewRollouts is below how many rollouts a rate says little.
const fewRollouts = 20

// readingOf says what a rate means.
func readingOf(r judge.SelfRate) string {
	switch {
	case r.Rollouts == 0:
		return "Nothing could be judged yet."
	case r.Alarms > 0 && r.Chance < 0.01:
		return "More false alarms than are promised: chance alone would do so in fewer than one of a hundred services. Look at the metrics with alarms."
	case r.Rollouts < fewRollouts:
		return fmt.Sprintf("As promised so far; below %d rollouts this says little.", fewRollouts)
	}
	return "As promised."
}

// toneOf is an outcome's colour.
func toneOf(o judge.Outcome) string {
	switch o {
	case judge.Promote:
		return "good"
	case judge.Rollback:
		return "bad"
	case judge.Inconclusive:
		return "held"
	}
	return "neutral"
}

// verdicts draws rollouts over time, each by how long it lasted and how it ended.
func (p pen) verdicts(past []report.Past, now time.Time) (template.HTML, error) {
	past = slices.Clone(past)
	slices.Reverse(past)
	past = slices.DeleteFunc(past, func(r report.Past) bool { return r.Last == nil })
	if len(past) < fewest {
		return "", nil
	}
	longest := 1.0
	for _, r := range past {
		longest = max(longest, lasted(r, now).Minutes())
	}
	first, last := past[0].Rollout.Started, past[len(past)-1].Rollout.Started
	counts := map[judge.Outcome]int{}
	for _, r := range past {
		counts[r.Last.Outcome]++
	}
	alt := fmt.Sprintf("Verdicts from %s to %s: %d promoted, %d rolled back, %d inconclusive, %d undecided, each as high as it lasted, up to %s.",
		day(first), day(last), counts[judge.Promote], counts[judge.Rollback], counts[judge.Inconclusive], counts[judge.Continue], took(time.Time{}, time.Time{}.Add(time.Duration(longest*float64(time.Minute)))))
	return p.picture(stripWidth, stripHeight, alt, func(c draw.Canvas) {
		room := max((seconds(last)-seconds(first))*0.02, 1) // so that no mark is cut off
		f := p.frame(c, xy{seconds(first) - room, -0.06 * longest}, xy{seconds(last) + room, longest * 1.12})
		f.times()
		step := minutesStep(longest)
		for m := 0.0; m <= longest; m += step {
			f.level(m, levelOf(rule))
			f.values(mark{m, minutes(m)})
		}
		for _, r := range past {
			f.look(r.Last.Outcome, f.at(xy{seconds(r.Rollout.Started), lasted(r, now).Minutes()}))
		}
	})
}

func lasted(r report.Past, now time.Time) time.Duration {
	if r.Closed.IsZero() {
		return max(0, now.Sub(r.Rollout.Started))
	}
	return max(0, r.Closed.Sub(r.Rollout.Started))
}

// minutesStep is a step of so many minutes that an axis has few names.
func minutesStep(longest float64) float64 {
	for _, s := range []float64{0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440, 2880, 10080} {
		if longest/s <= 4 {
			return s
		}
	}
	return math.Ceil(longest / 4)
}

func minutes(m float64) string {
	switch {
	case m == 0:
		return "0"
	case m < 1:
		return fmt.Sprintf("%g s", m*60)
	case m < 120:
		return fmt.Sprintf("%g min", m)
	}
	return fmt.Sprintf("%.3g h", m/60)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

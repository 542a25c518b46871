package argo

import (
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

// numbers are what a manifest is filled in with.
type numbers struct {
	Template
	Interval string
	Count    int
	Errors   int // consecutive errors that are survived
	Waiting  int // the same, where waiting is an error too

	Longest, Deadline, Hold, Block, Away string // durations, for comments
	Held                                 bool   // whether the plan holds at its deadline
	Timeout                              int    // seconds
	AnswerWithin                         string
	Step                                 int    // of Kayenta, in seconds
	Address                              string // of Kayenta's API, with the token where there is one
}

// numbersOf derives the numbers from the plan.
func numbersOf(t Template) numbers {
	p := t.Plan
	longest := longestOf(p)
	interval := min(max(p.Block.D()/2, retry).Truncate(time.Second), time.Minute)
	n := numbers{
		Template: t, Interval: short(interval), Count: times(longest, interval), Errors: times(t.Patience, retry),
		Waiting: times(longest+t.Patience, retry),
		Longest: short(longest), Deadline: short(p.MaxDuration.D()), Hold: short(p.HoldFor.D()), Held: p.AtDeadline == plan.Hold,
		Block: short(p.Block.D()), Away: short(t.Patience),
		Timeout: int(timeout.Seconds()), AnswerWithin: short(answer), Step: max(int(p.Block.D().Seconds()), 1),
	}
	n.Address = t.URL + "/kayenta"
	if scheme, host, ok := strings.Cut(n.Address, "://"); ok && t.Secret != (Secret{}) {
		n.Address = scheme + "://argo:{{args.token}}@" + host
	}
	return n
}

// longestOf is how long a plan may take to its last word: its deadline, the hold
// after it where there is one, and until the last block has closed and was looked
// at.
func longestOf(p plan.Plan) time.Duration {
	d := p.MaxDuration.D() + p.Lag.D() + 2*p.Block.D()
	if p.AtDeadline == plan.Hold {
		d += p.HoldFor.D()
	}
	return d
}

// times is how often something happens within a time that happens every so often.
func times(within, every time.Duration) int { return int((within + every - 1) / every) }

// short writes a duration without the zeros at its end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

package judge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// spaced is a source that can tell how far apart the samples of a selector's series are
// over a time that ends at an instant; 0 where it cannot be told.
type spaced interface {
	ScrapeInterval(ctx context.Context, selector string, at time.Time, over time.Duration) (time.Duration, error)
}

const (
	// spacingOver is the time whose samples are looked at.
	spacingOver = 10 * time.Minute
	// spacingTimeout bounds the question: what it answers changes no verdict, so that a
	// slow answer must not take the metrics' time.
	spacingTimeout = 5 * time.Second
)

// spacings are what one look has asked of how far apart samples are, by selector.
type spacings struct {
	mu  sync.Mutex
	by  map[string]func() time.Duration
	src spaced
}

func newSpacings(src queries.Source) *spacings {
	s, _ := src.(spaced)
	return &spacings{by: map[string]func() time.Duration{}, src: s}
}

// of returns how far apart the samples of a reading are, and 0 where that is not known.
// The error of a question is dropped: the metric's own query fails with better words.
func (s *spacings) of(ctx context.Context, r queries.Reading, at time.Time) time.Duration {
	if s.src == nil {
		return 0
	}
	ss, err := queries.Selections(r.Query)
	if err != nil || len(ss) == 0 {
		return 0
	}
	// The widest selector is a ratio's requests: failures may be rare.
	widest := slices.MinFunc(ss, func(a, b queries.Selection) int { return len(a.Matchers) - len(b.Matchers) })
	s.mu.Lock()
	ask := s.by[widest.Text]
	if ask == nil {
		ask = sync.OnceValue(func() time.Duration {
			ctx, cancel := context.WithTimeout(ctx, spacingTimeout)
			defer cancel()
			apart, err := s.src.ScrapeInterval(ctx, widest.Text, at, spacingOver)
			if err != nil {
				return 0
			}
			return apart
		})
		s.by[widest.Text] = ask
	}
	s.mu.Unlock()
	return ask()
}

// sparse begins to ask how far apart the baseline's samples are, beside all else, and
// returns what waits for the answer: a note where a block is shorter than two of them. It is
// asked for at the first blocks that are frozen of a question and frozen with them, so
// once in a rollout, and replays.
func (g *gathering) sparse(ctx context.Context, q question, w queries.Window) func() []queries.Note {
	answer := make(chan time.Duration, 1)
	go func() {
		if q.metric == nil {
			answer <- 0
			return
		}
		answer <- g.spacings.of(ctx, q.readings[baseline], w.End)
	}()
	return sync.OnceValue(func() []queries.Note { return sparseNote(q.key, <-answer, w.Block) })
}

// sparseNote says of samples that are so far apart what follows for blocks.
func sparseNote(metric string, apart, block time.Duration) []queries.Note {
	if 2*apart <= block {
		return nil
	}
	text := fmt.Sprintf("samples of %s are %s apart, and a block of %s is shorter than two of them", metric, plan.Duration(apart), plan.Duration(block))
	if apart > block {
		text += ", so that blocks are missing"
	} else {
		text += ", so that a scrape that fails is a block that is missing, and neighbouring blocks take turns in what they count"
	}
	return []queries.Note{{Code: queries.NoteSparse, Text: text + fmt.Sprintf("; a block of %s would do", plan.Duration(queries.BlockFor(apart)))}}
}

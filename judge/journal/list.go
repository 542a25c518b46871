package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
)

// Filter selects rollouts for [Journal.List]. Zero fields select everything.
type Filter struct {
	Service, Namespace string
	Bare               bool   // without a namespace; Namespace is empty then
	Outcome            string // of the newest verdict, as [judge.Outcome] writes it
	Live               bool
	// Before selects what started before a moment and, where ID is one, also what started
	// just then and has a smaller ID: with the start and the ID of a list's last rollout
	// they select the next page.
	Before time.Time
	ID     string
	Limit  int // default 100
}

// statement is the query for the IDs that a filter selects, in the order of the list.
func (f Filter) statement() query {
	var q query
	arg := func(v any) string {
		q.args = append(q.args, v)
		return fmt.Sprintf("$%d", len(q.args))
	}
	var conditions []string
	for _, c := range []struct{ column, value string }{{"service", f.Service}, {"namespace", f.Namespace}, {"outcome", f.Outcome}} {
		if c.value != "" {
			conditions = append(conditions, c.column+" = "+arg(c.value))
		}
	}
	if f.Bare {
		conditions = append(conditions, "namespace = ''")
	}
	if !f.Before.IsZero() {
		// No ID is smaller than an empty one.
		conditions = append(conditions, fmt.Sprintf("(started, id) < (%s, %s)", arg(nanos(f.Before)), arg(f.ID)))
	}
	if f.Live {
		conditions = append(conditions, "closed is null")
	}
	if len(conditions) > 0 {
		q.statement = " where " + strings.Join(conditions, " and ")
	}
	q.statement = "select id from rollouts" + q.statement + " order by started desc, id desc limit " + arg(f.Limit)
	return q
}

// List returns rollouts, the newest first, and of one moment by ID, the greatest first.
func (j *Journal) List(ctx context.Context, f Filter) ([]Summary, error) {
	if f.Limit < 0 {
		return nil, errors.New("journal: a list cannot have a negative limit")
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	// The rollouts are chosen before anything else of them is read.
	q := f.statement()
	q.statement = "where r.id in (" + q.statement + ") order by r.started desc, r.id desc"
	return j.summaries(ctx, q)
}

// Standing is how the rollouts of a service stand.
type Standing struct {
	Rollouts, Live int
	// Outcomes counts the newest verdicts. A rollout that nobody has looked at is in none.
	Outcomes map[judge.Outcome]int
	// Blamed is what rollbacks were blamed on, the most frequent first.
	Blamed []Blame
}

// Blame is a metric, check or limit that rollbacks were blamed on.
type Blame struct {
	Name     string
	Rollouts int
	Last     time.Time // start of the newest of them
}

// Standing counts the rollouts of a service in one namespace that started at a moment or
// later. No verdict is read.
func (j *Journal) Standing(ctx context.Context, namespace, service string, since time.Time) (Standing, error) {
	var out Standing
	err := j.read(ctx, func(t tx) error {
		out = Standing{Outcomes: map[judge.Outcome]int{}}
		blames := map[string]Blame{}
		err := t.Query(ctx, func(s scanner) error {
			var (
				outcome, blamed string
				live, n         int
				last            int64
			)
			if err := s.Scan(&outcome, &live, &blamed, &n, &last); err != nil {
				return err
			}
			out.Rollouts += n
			out.Live += live * n
			if outcome == "" {
				return nil
			}
			var o judge.Outcome
			if err := o.UnmarshalText([]byte(outcome)); err != nil {
				return fmt.Errorf("journal: how rollouts of %s stand: %w", service, err)
			}
			out.Outcomes[o] += n
			return blame(blames, blamed, n, moment(last))
		}, `select coalesce(outcome, ''), case when closed is null then 1 else 0 end, blamed, count(*), max(started)
			from rollouts where service = $1 and namespace = $2 and started >= $3 group by 1, 2, 3`, service, namespace, nanos(since))
		for _, b := range blames {
			out.Blamed = append(out.Blamed, b)
		}
		slices.SortFunc(out.Blamed, func(a, b Blame) int {
			if a.Rollouts != b.Rollouts {
				return b.Rollouts - a.Rollouts
			}
			return strings.Compare(a.Name, b.Name)
		})
		return err
	})
	if err != nil {
		return Standing{}, err
	}
	return out, nil
}

// blame counts what so many rollouts were blamed on.
func blame(into map[string]Blame, names string, n int, last time.Time) error {
	if names == "" {
		return nil
	}
	var list []string
	if err := json.Unmarshal([]byte(names), &list); err != nil {
		return fmt.Errorf("journal: what rollbacks were blamed on: %w", err)
	}
	for _, name := range list {
		b := into[name]
		b.Name, b.Rollouts = name, b.Rollouts+n
		if last.After(b.Last) {
			b.Last = last
		}
		into[name] = b
	}
	return nil
}

package scrape

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// index finds series by their labels.
type index struct {
	all      []*series
	byHash   map[uint64][]*series
	postings map[string]map[string][]*series // label name, value
}

func newIndex() index {
	return index{byHash: map[uint64][]*series{}, postings: map[string]map[string][]*series{}}
}

// find returns the series with exactly these labels, or nil.
func (x *index) find(ls labels.Labels) *series {
	for _, s := range x.byHash[ls.Hash()] {
		if labels.Equal(s.labels, ls) {
			return s
		}
	}
	return nil
}

// insert adds a series that is not there yet.
func (x *index) insert(ls labels.Labels) *series {
	s := &series{labels: ls, hash: ls.Hash()}
	x.all = append(x.all, s)
	x.byHash[s.hash] = append(x.byHash[s.hash], s)
	ls.Range(func(l labels.Label) {
		values := x.postings[l.Name]
		if values == nil {
			values = map[string][]*series{}
			x.postings[strings.Clone(l.Name)] = values
		}
		if list, ok := values[l.Value]; ok {
			values[l.Value] = append(list, s)
			return
		}
		// Cloned, or the key would keep the labels of a series alive that is long gone.
		values[strings.Clone(l.Value)] = []*series{s}
	})
	return s
}

// remove forgets series that are marked dead.
func (x *index) remove(dead []*series) {
	if len(dead) == 0 {
		return
	}
	x.all = living(x.all)
	touched := map[labels.Label]struct{}{}
	for _, s := range dead {
		if list := living(x.byHash[s.hash]); len(list) > 0 {
			x.byHash[s.hash] = list
		} else {
			delete(x.byHash, s.hash)
		}
		s.labels.Range(func(l labels.Label) { touched[l] = struct{}{} })
	}
	for l := range touched {
		values := x.postings[l.Name]
		if list := living(values[l.Value]); len(list) > 0 {
			values[l.Value] = list
		} else {
			delete(values, l.Value)
		}
		if len(values) == 0 {
			delete(x.postings, l.Name)
		}
	}
}

// living returns the series that are not dead, in their order.
func living(list []*series) []*series {
	n := 0
	for _, s := range list {
		if !s.dead {
			n++
		}
	}
	out := make([]*series, 0, n)
	for _, s := range list {
		if !s.dead {
			out = append(out, s)
		}
	}
	return out
}

// match returns the series that agree with every matcher.
func (x *index) match(matchers []*labels.Matcher) []*series {
	var found []*series
	for _, list := range x.candidates(matchers) {
	next:
		for _, s := range list {
			for _, m := range matchers {
				if !m.Matches(s.labels.Get(m.Name)) {
					continue next
				}
			}
			found = append(found, s)
		}
	}
	return found
}

// candidates returns disjoint lists of series that hold all that match, from the
// matcher that leaves the fewest. A matcher that agrees with an absent label leaves
// nothing out.
func (x *index) candidates(matchers []*labels.Matcher) [][]*series {
	best, least := [][]*series{x.all}, len(x.all)
	for _, m := range matchers {
		if least == 0 {
			break
		}
		if m.Matches("") {
			continue
		}
		lists, n := x.having(m, least)
		if n < least {
			best, least = lists, n
		}
	}
	return best
}

// having returns the lists of series whose label agrees with a matcher, and how many
// series they hold. It gives up where they are not fewer than limit.
func (x *index) having(m *labels.Matcher, limit int) ([][]*series, int) {
	values := x.postings[m.Name]
	var lists [][]*series
	n := 0
	if m.Type == labels.MatchEqual {
		if list := values[m.Value]; len(list) > 0 {
			return [][]*series{list}, len(list)
		}
		return nil, 0
	}
	if len(values) > limit { // Asking the matcher of each value would cost more than it saves.
		return nil, limit
	}
	for v, list := range values {
		if !m.Matches(v) {
			continue
		}
		if n += len(list); n >= limit {
			return nil, limit
		}
		lists = append(lists, list)
	}
	return lists, n
}

package promql

import (
	"cmp"
	"slices"
)

// unit is what one scrape target says of one process: the series that come and go
// together.
type unit struct {
	target, process string
	tracks          []*track
	requests        bool // one of its series counts requests (the denominator)
}

// process is what goes under one name in a frame.
type process struct {
	name  string
	units []*unit
}

// broken says whether a sample of the unit at either end of a block is not a
// number. A histogram's sum is another matter.
func (u *unit) broken(i int) bool {
	for _, t := range u.tracks {
		if t.broken(i) || t.broken(i-1) {
			return true
		}
	}
	return false
}

// known says whether the unit had samples at both ends of the block that ends at
// i: of the denominator, where it has that.
func (u *unit) known(i int) bool {
	before, now := false, false
	for _, t := range u.tracks {
		if u.requests && t.role.n == 0 {
			continue
		}
		before = before || t.there(i-1)
		now = now || t.there(i)
	}
	return before && now
}

// seen says whether the unit had any sample at all.
func (u *unit) seen(points int) bool {
	for i := range points {
		for _, t := range u.tracks {
			if t.there(i) {
				return true
			}
		}
	}
	return false
}

// units groups tracks, which must be sorted, into processes sorted by name. A
// numerator goes to the process of its own target or name. Where one has neither,
// processes cannot be told apart, and all go under the empty name.
func units(tracks []*track) []process {
	byID := map[[2]string]*unit{}
	byTarget := map[string][]*unit{}
	names := map[string]bool{}
	var all []*unit
	add := func(t *track) *unit {
		id := [2]string{t.process, t.target}
		u := byID[id]
		if u == nil {
			u = &unit{target: t.target, process: t.process}
			byID[id] = u
			all = append(all, u)
		}
		u.tracks = append(u.tracks, t)
		return u
	}
	for _, t := range tracks {
		if t.role.n == 0 {
			continue
		}
		u := add(t)
		if !u.requests {
			u.requests = true
			byTarget[t.target] = append(byTarget[t.target], u)
			names[t.process] = true
		}
	}
	together := false
	for _, t := range tracks {
		if t.role.n != 0 {
			continue
		}
		if byID[[2]string{t.process, t.target}] == nil && len(byTarget[t.target]) == 1 {
			u := byTarget[t.target][0]
			u.tracks = append(u.tracks, t)
			continue
		}
		add(t)
		together = together || !names[t.process]
	}
	return group(all, together)
}

// group puts units under the names of their processes, or all under none.
func group(all []*unit, together bool) []process {
	at := map[string]int{}
	var out []process
	for _, u := range all {
		name := u.process
		if together {
			name = ""
		}
		k, ok := at[name]
		if !ok {
			k = len(out)
			at[name] = k
			out = append(out, process{name: name})
		}
		out[k].units = append(out[k].units, u)
	}
	slices.SortFunc(out, func(a, b process) int { return cmp.Compare(a.name, b.name) })
	return out
}

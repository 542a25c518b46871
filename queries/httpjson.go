package queries

import "fmt"

// json reads one named series of a store that answers JSON:
//
//	count(orders_failed{shop="eu"})
//	value(queue_depth)
func (a *arithmetic) json() meaning {
	p := Part{From: a.at}
	p.Func = a.while(isLetter)
	if p.Func != "count" && p.Func != "value" {
		return a.failAt(p.From, fmt.Sprintf("%q is neither count nor value: count(orders) is a number of events in each block, value(queue_depth) a value at its end", p.Func))
	}
	if !a.must('(', "after "+p.Func) {
		return cannot("")
	}
	a.space()
	from := a.at
	p.Name = a.while(func(c byte) bool { return isName(c) || c == ':' })
	if p.Name == "" || len(p.Name) > 255 {
		return a.failAt(from, "the name of what is asked for is missing")
	}
	p.Dims = a.dims()
	if !a.must(')', "after the name") {
		return cannot("")
	}
	p.To = a.at
	p.Count = p.Func == "count"
	m := a.took(p)
	if !p.Count {
		return cannot("value() is a value, not a count of events")
	}
	return m
}

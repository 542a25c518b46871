package promql

import (
	"testing"

	"github.com/serin-canary/serin/queries"
)

const (
	all = `http_requests_total{app="shop"}`
	bad = `http_requests_total{app="shop",code=~"5.."}`
)

// a is the labels of a series of pod a.
const a = "__name__=http_requests_total,job=shop,instance=10.0.0.1:80,pod=a"

// TestCounts has a row for each rule by which samples become counts. Each says
// what would be lost or invented without the rule.
func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		name, why string
		all, bad  []line
		want      []queries.Process
		notes     string
	}{{
		name: "growth",
		why:  "a count is what the counter grew by in the block, not its value and not an extrapolated rate",
		all:  []line{{a + ",code=200", "100 110 125 125"}, {a + ",code=500", "5 6 6 9"}},
		bad:  []line{{a + ",code=500", "5 6 6 9"}},
		want: []queries.Process{{Name: "a", N: queries.Column{11, 15, 3}, X: queries.Column{1, 0, 3}}},
	}, {
		name: "birth in a known process",
		why:  "six label sets born at their first error: without the rule all 7 errors are lost, the reader sees none",
		all: []line{{a + ",code=200", "100 110 120"}, {a + ",code=500,path=/1", "_ 1 1"}, {a + ",code=500,path=/2", "_ 2 2"},
			{a + ",code=503,path=/1", "_ _ 1"}, {a + ",code=503,path=/2", "_ _ 3"}},
		bad: []line{{a + ",code=500,path=/1", "_ 1 1"}, {a + ",code=500,path=/2", "_ 2 2"},
			{a + ",code=503,path=/1", "_ _ 1"}, {a + ",code=503,path=/2", "_ _ 3"}},
		want: []queries.Process{{Name: "a", N: queries.Column{13, 14}, X: queries.Column{3, 4}}},
	}, {
		name: "a new process counts from its second block",
		why:  "without the rule 5,000 requests and 40 errors of before it was watched would be invented in the first block",
		all:  []line{{a + ",code=200", "_ 5000 5010"}, {a + ",code=500", "_ 40 41"}},
		bad:  []line{{a + ",code=500", "_ 40 41"}},
		want: []queries.Process{{Name: "a", N: queries.Column{gap, 11}, X: queries.Column{gap, 1}}},
	}, {
		name: "reset",
		why:  "after a restart the counter began at 0: without the rule 7 requests and 2 errors are lost, or a count is negative",
		all:  []line{{a + ",code=200", "100 110 7"}, {a + ",code=500", "5 5 2"}},
		bad:  []line{{a + ",code=500", "5 5 2"}},
		want: []queries.Process{{Name: "a", N: queries.Column{10, 9}, X: queries.Column{0, 2}}},
	}, {
		name: "a block without a sample is a gap, and so is the one after",
		why:  "without the rule a failed scrape is a block of 0 requests, and the next has those of two",
		all:  []line{{a + ",code=200", "100 110 _ 130 145"}},
		bad:  []line{{a + ",code=500", "5 5 _ 7 8"}},
		want: []queries.Process{{Name: "a", N: queries.Column{10, gap, gap, 15}, X: queries.Column{0, gap, gap, 1}}},
	}, {
		name: "a series that ends while its process lives",
		why:  "without the rule its end is a fall to nothing: 5 errors are invented or the whole block is thrown away",
		all:  []line{{a + ",code=200", "100 110 120"}, {a + ",code=500", "4 5 _"}},
		bad:  []line{{a + ",code=500", "4 5 _"}},
		want: []queries.Process{{Name: "a", N: queries.Column{11, 10}, X: queries.Column{1, 0}}},
	}, {
		name: "back with more than before",
		why:  "a series that was hidden for a block is not born again: without the rule 40 old errors are invented",
		all:  []line{{a + ",code=200", "100 110 120 130"}},
		bad:  []line{{a + ",code=500", "40 _ 41 43"}},
		want: []queries.Process{{Name: "a", N: queries.Column{10, 10, 10}, X: queries.Column{0, 0, 2}}},
	}, {
		name: "back with less than before",
		why:  "an idle series that was dropped and made anew counts from 0: without the rule its 2 errors are lost",
		all:  []line{{a + ",code=200", "100 110 120 130"}},
		bad:  []line{{a + ",code=500", "40 _ 2 3"}},
		want: []queries.Process{{Name: "a", N: queries.Column{10, 10, 10}, X: queries.Column{0, 2, 1}}},
	}, {
		name: "back, last seen before the window",
		why:  "what is a birth must not depend on where the window was cut: without the look back 40 errors are invented",
		all:  []line{{a + ",code=200", "80 90 | 100 110"}},
		bad:  []line{{a + ",code=500", "40 _ | _ 41"}},
		want: []queries.Process{{Name: "a", N: queries.Column{10}, X: queries.Column{0}}},
	}, {
		name: "processes apart",
		why:  "without the rule the new pod's gap would hide the old one's 10 requests, or its past would be counted",
		all: []line{{a + ",code=200", "100 110 120"},
			{"__name__=http_requests_total,job=shop,instance=10.0.0.2:80,pod=b,code=200", "_ 700 705"}},
		bad: []line{{a + ",code=500", "1 2 2"}},
		want: []queries.Process{
			{Name: "a", N: queries.Column{10, 10}, X: queries.Column{1, 0}},
			{Name: "b", N: queries.Column{gap, 5}, X: queries.Column{gap, 0}},
		},
	}, {
		name: "two containers of one pod",
		why:  "a pod's targets are one process: without the rule 20 requests stand under one name and 10 are overwritten",
		all:  []line{{a + ",code=200", "100 110"}, {"__name__=http_requests_total,job=shop,instance=10.0.0.1:81,pod=a,code=200", "50 70"}},
		bad:  []line{{a + ",code=500", "1 1"}},
		want: []queries.Process{{Name: "a", N: queries.Column{30}, X: queries.Column{0}}},
	}, {
		name:  "not a number",
		why:   "NaN is neither 0 nor a reset: without the rule 120 requests are invented after it",
		all:   []line{{a + ",code=200", "100 NaN 120 130"}},
		bad:   []line{{a + ",code=500", "1 1 1 2"}},
		want:  []queries.Process{{Name: "a", N: queries.Column{gap, gap, 10}, X: queries.Column{gap, gap, 1}}},
		notes: "[not-a-number]",
	}, {
		name:  "infinite",
		why:   "without the rule a block has +Inf requests and its rate of errors is 0",
		all:   []line{{a + ",code=200", "100 110 120"}},
		bad:   []line{{a + ",code=500", "1 +Inf 2"}},
		want:  []queries.Process{{Name: "a", N: queries.Column{gap, gap}, X: queries.Column{gap, gap}}},
		notes: "[not-a-number]",
	}, {
		name: "no label names a process",
		why:  "a store that has summed its instances away is still counted, under one empty name",
		all:  []line{{"__name__=http_requests_total,code=200", "100 110"}, {"__name__=http_requests_total,code=500", "3 4"}},
		bad:  []line{{"__name__=http_requests_total,code=500", "3 4"}},
		want: []queries.Process{{Name: "", N: queries.Column{11}, X: queries.Column{1}}},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			n := len(tt.want[0].N)
			got := read(t, &fake{store: map[string][]line{all: tt.all, bad: tt.bad}}, ratio(bad, all), n)
			same(t, got.Processes, tt.want)
			want := tt.notes
			if want == "" {
				want = "[]"
			}
			if got := codes(got); got != want {
				t.Errorf("got notes %s, want %s", got, want)
			}
			if t.Failed() {
				t.Log("why this rule:", tt.why)
			}
		})
	}
}

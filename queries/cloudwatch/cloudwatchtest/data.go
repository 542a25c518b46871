package cloudwatchtest

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// query is one MetricDataQuery.
type query struct {
	id, key, stat, expression string
	period                    time.Duration
}

// series is what one query comes to.
type series struct {
	id     string
	times  []time.Time
	values []float64
}

func text(v cbor.Value) string {
	s, _ := v.(cbor.String)
	return string(s)
}

func queriesOf(in cbor.Map) []query {
	var out []query
	list, _ := in["MetricDataQueries"].(cbor.List)
	for _, v := range list {
		m, _ := v.(cbor.Map)
		q := query{id: text(m["Id"]), expression: text(m["Expression"])}
		if stat, ok := m["MetricStat"].(cbor.Map); ok {
			metric, _ := stat["Metric"].(cbor.Map)
			dims := map[string]string{}
			ds, _ := metric["Dimensions"].(cbor.List)
			for _, d := range ds {
				d, _ := d.(cbor.Map)
				dims[text(d["Name"])] = text(d["Value"])
			}
			n, _ := cbor.AsInt32(stat["Period"])
			q.key, q.stat, q.period = keyOf(text(metric["Namespace"]), text(metric["MetricName"]), dims), text(stat["Stat"]), time.Duration(n)*time.Second
		}
		out = append(out, q)
	}
	return out
}

// data answers GetMetricData.
func (s *Server) data(in cbor.Map, fault Fault) cbor.Map {
	start, err := cbor.AsTime(in["StartTime"])
	if err != nil {
		panic(err)
	}
	end, err := cbor.AsTime(in["EndTime"])
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []series
	byID := map[string]series{}
	for _, q := range queriesOf(in) {
		one := series{id: q.id}
		if q.expression != "" {
			one = evaluate(q, byID)
		} else {
			one.times, one.values = statistic(s.points[q.key], q, start, end)
		}
		byID[q.id] = one
		all = append(all, one)
	}
	if text(in["ScanBy"]) != "TimestampAscending" {
		for _, one := range all {
			slices.Reverse(one.times)
			slices.Reverse(one.values)
		}
	}
	if fault.Drop {
		all = all[:len(all)-1]
	}
	return s.page(all, text(in["NextToken"]), fault)
}

// page answers a page: with Page, that many results, each in two halves.
func (s *Server) page(all []series, token string, fault Fault) cbor.Map {
	out := cbor.Map{}
	at, _ := strconv.Atoi(token)
	status := "Complete"
	if s.Page > 0 {
		var halves []series
		for _, one := range all {
			mid := len(one.times) / 2
			halves = append(halves, series{one.id, one.times[:mid], one.values[:mid]}, series{one.id, one.times[mid:], one.values[mid:]})
		}
		all = halves[min(at, len(halves)):min(at+s.Page, len(halves))]
		if at+s.Page < len(halves) {
			out["NextToken"] = cbor.String(strconv.Itoa(at + s.Page))
		}
	}
	if fault.Loop {
		out["NextToken"] = cbor.String("again")
	}
	results := cbor.List{}
	for i, one := range all {
		status := status
		if s.Page > 0 && (at+i)%2 == 0 {
			status = "PartialData" // its second half is to come
		}
		if fault.Result != "" {
			status = fault.Result
		}
		times, values := cbor.List{}, cbor.List{}
		for k := range one.times {
			seconds := float64(one.times[k].Add(fault.Shift).UnixMilli()) / 1000
			times, values = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(seconds)}), append(values, cbor.Float64(one.values[k]))
		}
		results = append(results, cbor.Map{"Id": cbor.String(one.id), "StatusCode": cbor.String(status), "Timestamps": times, "Values": values})
	}
	out["MetricDataResults"] = results
	if fault.Warning != "" {
		out["Messages"] = cbor.List{cbor.Map{"Code": cbor.String("MaxMetricsExceeded"), "Value": cbor.String(fault.Warning)}}
	}
	return out
}

// statistic bins samples by the period.
func statistic(points []point, q query, start, end time.Time) ([]time.Time, []float64) {
	bins := map[int64][]point{}
	for _, p := range points {
		if !p.at.Before(start) && p.at.Before(end) {
			bins[p.at.Unix()/int64(q.period/time.Second)] = append(bins[p.at.Unix()/int64(q.period/time.Second)], p)
		}
	}
	var times []time.Time
	var values []float64
	for t := start.Truncate(q.period); t.Before(end); t = t.Add(q.period) {
		if bin := bins[t.Unix()/int64(q.period/time.Second)]; len(bin) > 0 {
			times, values = append(times, t), append(values, of(q.stat, bin))
		}
	}
	return times, values
}

// of makes a statistic of the samples of a period.
func of(stat string, bin []point) float64 {
	sum, n, most, least := 0.0, 0.0, math.Inf(-1), math.Inf(1)
	for _, p := range bin {
		sum, n, most, least = sum+p.value*p.n, n+p.n, max(most, p.value), min(least, p.value)
	}
	if m := regexp.MustCompile(`^PR\(([0-9.]*):([0-9.]*)\)$`).FindStringSubmatch(stat); m != nil {
		in := 0.0
		for _, p := range bin {
			low, errLow := strconv.ParseFloat(m[1], 64)
			high, errHigh := strconv.ParseFloat(m[2], 64)
			if (errLow != nil || p.value > low) && (errHigh != nil || p.value <= high) {
				in += p.n
			}
		}
		return 100 * in / n
	}
	switch stat {
	case "Sum":
		return sum
	case "SampleCount":
		return n
	case "Average":
		return sum / n
	case "Maximum":
		return most
	case "Minimum":
		return least
	}
	rank, err := strconv.ParseFloat(strings.TrimPrefix(stat, "p"), 64)
	if err != nil {
		panic(fmt.Sprintf("cloudwatchtest: the fake does not know the statistic %q", stat))
	}
	below := 0.0
	sorted := slices.SortedFunc(slices.Values(bin), func(a, b point) int { return cmp.Compare(a.value, b.value) })
	for _, p := range sorted {
		if below += p.n; below >= rank/100*n {
			return p.value
		}
	}
	return most
}

// evaluate knows the expressions "1000 * m1" and "m1 / m2".
func evaluate(q query, found map[string]series) series {
	out := series{id: q.id}
	m := regexp.MustCompile(`^(\w+) ([*/]) (\w+)$`).FindStringSubmatch(q.expression)
	if m == nil {
		panic(fmt.Sprintf("cloudwatchtest: the fake does not know the expression %q", q.expression))
	}
	if k, err := strconv.ParseFloat(m[1], 64); err == nil && m[2] == "*" {
		for i, v := range found[m[3]].values {
			out.times, out.values = append(out.times, found[m[3]].times[i]), append(out.values, k*v)
		}
		return out
	}
	for i, at := range found[m[1]].times {
		if j := slices.IndexFunc(found[m[3]].times, at.Equal); j >= 0 {
			out.times, out.values = append(out.times, at), append(out.values, found[m[1]].values[i]/found[m[3]].values[j])
		}
	}
	return out
}

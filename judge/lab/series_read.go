package lab

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Bounds of what is read.
const (
	maxBytes = 64 << 20 // after decompression
	maxRows  = 1 << 20
	maxTime  = 1 << 33 // the year 2242
)

var (
	errTooLong = fmt.Errorf("holds more than %d MiB; cut it", maxBytes>>20)
	errTooMany = fmt.Errorf("holds more than %d rows; cut it", maxRows)
)

// bounded fails where there is more than maxBytes.
type bounded struct {
	from io.Reader
	left int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// readTable reads a compressed table with exactly these columns.
func readTable(from io.Reader, columns []string, row func(r *record)) error {
	z, err := gzip.NewReader(from)
	if err != nil {
		return fmt.Errorf("is not compressed with gzip: %w", err)
	}
	in := csv.NewReader(&bounded{z, maxBytes})
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return fmt.Errorf("has no heading: %w", err)
	}
	if !slices.Equal(head, columns) {
		return fmt.Errorf("has the columns %v; the lab reads %v", head, columns)
	}
	in.FieldsPerRecord = len(columns)
	for n := 0; ; n++ {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n >= maxRows {
			return errTooMany
		}
		r := &record{fields: fields, columns: columns}
		if row(r); r.fault != nil {
			line, _ := in.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, r.fault)
		}
	}
}

// record is one row. Its first fault is kept.
type record struct {
	fields, columns []string
	fault           error
}

func (r *record) fail(i int, want string) {
	if r.fault == nil {
		r.fault = fmt.Errorf("%s is %q; the lab reads %s there", r.columns[i], r.fields[i], want)
	}
}

// text is a field that is not empty.
func (r *record) text(i int) string {
	if s := r.fields[i]; s != "" && len(s) <= 200 {
		return s
	}
	r.fail(i, "a name of up to 200 letters")
	return ""
}

// whole is a whole number in [low, high].
func (r *record) whole(i, low, high int) int {
	v, err := strconv.Atoi(r.fields[i])
	if err != nil || v < low || v > high {
		r.fail(i, fmt.Sprintf("a whole number from %d to %d", low, high))
		return low
	}
	return v
}

// number is a finite number from zero on.
func (r *record) number(i int) float64 {
	v, err := strconv.ParseFloat(r.fields[i], 64)
	if err != nil || math.IsInf(v, 0) || !(v >= 0) {
		r.fail(i, "a number that is not negative")
		return 0
	}
	return v
}

// request is one request of a web server.
type request struct {
	at     int // seconds
	client int
	failed bool // answered with 400 or more
	size   float64
}

// readRequests reads requests, sorted by time.
func readRequests(from io.Reader) ([]request, error) {
	var out []request
	err := readTable(from, []string{"unix_seconds", "client", "status", "bytes"}, func(r *record) {
		out = append(out, request{
			at: r.whole(0, 0, maxTime), client: r.whole(1, 0, math.MaxInt32), failed: r.whole(2, 100, 599) >= 400, size: r.number(3),
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b request) int { return a.at - b.at })
	if len(out) < allBlocks || out[0].at == out[len(out)-1].at {
		return nil, fmt.Errorf("holds %d requests; the lab needs some for each of %d blocks", len(out), allBlocks)
	}
	return out, nil
}

// cloud is one series of values at even steps, of which some were labelled as not normal.
type cloud struct {
	name   string
	at     []int
	values []float64
	// windows are the labelled parts, as indices [from, to).
	windows [][2]int
}

func readClouds(from io.Reader) ([]cloud, error) {
	var out []cloud
	err := readTable(from, []string{"series", "unix_seconds", "value"}, func(r *record) {
		name := r.text(0)
		i := slices.IndexFunc(out, func(c cloud) bool { return c.name == name })
		if i < 0 {
			i, out = len(out), append(out, cloud{name: name})
		}
		out[i].at = append(out[i].at, r.whole(1, 0, maxTime))
		out[i].values = append(out[i].values, r.number(2))
	})
	if err != nil {
		return nil, err
	}
	for _, c := range out {
		if !slices.IsSorted(c.at) {
			return nil, fmt.Errorf("series %s is not sorted by time", c.name)
		}
	}
	return out, nil
}

// readWindows reads the labelled windows of series that are known already.
func readWindows(from io.Reader, known []cloud) error {
	var labels map[string][][2]string
	d := json.NewDecoder(&bounded{from, maxBytes})
	if err := d.Decode(&labels); err != nil {
		return fmt.Errorf("is not a JSON object of lists of windows: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("goes on after its JSON object")
	}
	for name, windows := range labels {
		i := slices.IndexFunc(known, func(c cloud) bool { return c.name == name })
		if i < 0 {
			return fmt.Errorf("labels %q, of which there is no series", name)
		}
		for _, w := range windows {
			if err := known[i].label(w); err != nil {
				return fmt.Errorf("series %s: %w", name, err)
			}
		}
	}
	return nil
}

// label adds a window, given by its first and last time (UTC).
func (c *cloud) label(w [2]string) error {
	var ends [2]int
	for i, text := range w {
		t, err := time.Parse("2006-01-02 15:04:05.999999", text)
		if err != nil {
			return fmt.Errorf("%q is no time such as 2014-02-26 13:45:00", text)
		}
		ends[i] = int(t.Unix())
	}
	from, _ := slices.BinarySearch(c.at, ends[0])
	to, _ := slices.BinarySearch(c.at, ends[1]+1)
	if from >= to {
		return fmt.Errorf("the window %v holds no values", w)
	}
	c.windows = append(c.windows, [2]int{from, to})
	return nil
}

// fleet is a few machines of one kind and place that ran one benchmark.
type fleet struct {
	name     string // benchmark, kind, place
	unit     string
	machines []machine
}

// machine is one machine's results.
type machine struct {
	name   string
	points []point
}

type point struct {
	at    int
	value float64
}

func readFleets(from io.Reader) ([]fleet, error) {
	var out []fleet
	err := readTable(from, []string{"benchmark", "unit", "sku", "region", "vm", "unix_seconds", "value"}, func(r *record) {
		name := r.text(0) + ", " + r.text(2) + ", " + r.text(3)
		i := slices.IndexFunc(out, func(f fleet) bool { return f.name == name })
		if i < 0 {
			i, out = len(out), append(out, fleet{name: name, unit: r.text(1)})
		}
		out[i].add(r.text(4), point{r.whole(5, 0, maxTime), r.number(6)})
	})
	if err != nil {
		return nil, err
	}
	for _, f := range out {
		for _, m := range f.machines {
			slices.SortStableFunc(m.points, func(a, b point) int { return a.at - b.at })
		}
	}
	return out, nil
}

func (f *fleet) add(vm string, p point) {
	i := slices.IndexFunc(f.machines, func(m machine) bool { return m.name == vm })
	if i < 0 {
		i, f.machines = len(f.machines), append(f.machines, machine{name: vm})
	}
	f.machines[i].points = append(f.machines[i].points, p)
}

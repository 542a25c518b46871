package lab

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

// zipped compresses a file's text.
func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// madeUp writes a small folder of series and reads it. Client 7 of the web server
// fails on every request, and sends one in ten of them.
func madeUp(t *testing.T) *Series {
	t.Helper()
	var web, cloud, vm strings.Builder
	web.WriteString("unix_seconds,client,status,bytes\n")
	for i := range 6000 {
		client, status := 100+i%53, 200
		if i%10 == 0 {
			client, status = 7, 404
		}
		fmt.Fprintf(&web, "%d,%d,%d,%d\n", 1431857100+i*10, client, status, 1000+i%5*2000)
	}
	cloud.WriteString("series,unix_seconds,value\n")
	d := newDrawer(testSeed, 21)
	for i := range 1200 {
		v := 10 + 5*math.Sin(float64(i)/100) + d.NormFloat64()
		if i >= 900 && i < 960 {
			v *= 4
		}
		fmt.Fprintf(&cloud, "cpu_of_one,%d,%.3f\n", 1392388200+300*i, v)
	}
	vm.WriteString("benchmark,unit,sku,region,vm,unix_seconds,value\n")
	for name, unit := range map[string]string{"Some_Memory_Latency": "ns", "Redis GET": "Requests Per Second"} {
		for place := range 2 {
			for machine := range 4 {
				for i := range 400 {
					fmt.Fprintf(&vm, "%s,%s,B8,place%d,%d,%d,%.2f\n", name, unit, place, machine, 1693542807+i*binHours*3600, 100+float64(machine)+d.NormFloat64())
				}
			}
		}
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		webFile: zipped(t, web.String()), cloudFile: zipped(t, cloud.String()), vmFile: zipped(t, vm.String()),
		windowsFile: []byte(`{"cpu_of_one": [["2014-02-17 16:30:00.000000", "2014-02-17 23:30:00.000000"]]}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ReadSeries(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawn makes one run of a scenario on series.
func drawn(t *testing.T, s *Series, name string, index int) *world {
	t.Helper()
	sc, err := s.ScenarioNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return sc.Setting(testSeed).maker().run(index)
}

// TestSplits holds that no request is lost, that a client stays with one pod where
// that is said, and that what is injected is there.
func TestSplits(t *testing.T) {
	s := madeUp(t)
	for i := range 6 {
		w := drawn(t, s, "web-by-client", i)
		n := part(w.arms[canary].frames[ofErrors], columnN, preBlocks, allBlocks) + part(w.arms[baseline].frames[ofErrors], columnN, 0, allBlocks)
		near(t, "requests of a replay", n, 6000, 0)
		// All errors are one client's: they lie on one side.
		c, b := part(w.arms[canary].frames[ofErrors], columnX, preBlocks, allBlocks), part(w.arms[baseline].frames[ofErrors], columnX, preBlocks, allBlocks)
		if c > 0 && b > 0 {
			t.Errorf("by client, run %d: got %v errors of the canary and %v of the baseline, want them on one side", i, c, b)
		}
	}
	w := drawn(t, s, "web-by-request", 0)
	near(t, "errors by request", shareIn(w.arms[canary].frames[ofErrors], preBlocks, allBlocks), .1, .04)
	near(t, "share of the canary", part(w.arms[canary].frames[ofErrors], columnN, preBlocks, allBlocks)/3000, .2, .03)
	w = drawn(t, s, "web-by-request-errors-x4", 0)
	near(t, "errors times four", shareIn(w.arms[canary].frames[ofErrors], preBlocks, allBlocks), .4, .06)
	near(t, "errors of the baseline", shareIn(w.arms[baseline].frames[ofErrors], preBlocks, allBlocks), .1, .02)
	size := func(name string) float64 {
		f := drawn(t, s, name, 0).arms[canary].frames[ofLatency]
		return part(f, func(p queries.Process) queries.Column { return p.Sum }, preBlocks, allBlocks) / part(f, columnN, preBlocks, allBlocks)
	}
	near(t, "sizes doubled", size("web-by-request-sizes-x2")/size("web-by-request"), 2, 1e-9)
}

// TestCopies holds that the canary is the series itself, that copies have its level,
// and that a labelled run holds the anomaly.
func TestCopies(t *testing.T) {
	s := madeUp(t)
	value := func(p queries.Process) queries.Column { return p.V }
	mean := func(w *world, a int) float64 {
		f := w.arms[a].frames[ofGauge]
		return part(f, value, preBlocks, allBlocks) / float64(runBlocks*len(f.Processes))
	}
	healthy, doubled := drawn(t, s, "cloudwatch-cpu", 3), 0.0
	near(t, "canary against copies", mean(healthy, canary)/mean(healthy, baseline), 1, .1)
	if n := len(healthy.arms[baseline].frames[ofGauge].Processes); n != copies {
		t.Errorf("got %d pods of the baseline, want %d", n, copies)
	}
	plain := mean(healthy, canary)
	doubled = mean(drawn(t, s, "cloudwatch-cpu-x2", 3), canary)
	near(t, "canary doubled", doubled/plain, 2, 1e-9)
	ill := drawn(t, s, "cloudwatch-labelled", 0)
	if got := mean(ill, canary) / mean(ill, baseline); got < 1.8 {
		t.Errorf("around the anomaly: got %v times the day before, want more than 1.8", got)
	}
}

func TestFleets(t *testing.T) {
	s := madeUp(t)
	for name, pods := range map[string]int{"vm-memory": 3, "vm-memory-wide": 2 * 7, "vm-redis-x2": 3, "vm-redis-wide": 2 * 7} {
		sc, err := s.ScenarioNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		w := drawn(t, s, name, 1)
		if got := len(w.arms[baseline].frames[ofGauge].Processes); got != pods || sc.series.pods != (Pods{pods, 1}) {
			t.Errorf("%s: got %d pods of the baseline (%v said), want %d", name, got, sc.series.pods, pods)
		}
		v := w.arms[canary].frames[ofGauge].Processes[0].V[allBlocks-1]
		low, high := 99., 106.
		if strings.Contains(name, "redis") {
			low, high = 1e6/106, 1e6/99
		}
		if strings.Contains(name, "x2") {
			low, high = 2*low, 2*high
		}
		if v < low || v > high {
			t.Errorf("%s: got a value of %v, want one in [%v, %v]", name, v, low, high)
		}
	}
}

// TestSeriesAreFrames holds that every scenario gives frames that the judge accepts,
// that no canary exists before its rollout, and that a run depends on its index alone.
func TestSeriesAreFrames(t *testing.T) {
	s := madeUp(t)
	for _, sc := range s.Scenarios() {
		m := sc.Setting(testSeed).maker()
		first := m.run(0).arms[canary].total.v[preBlocks]
		m.run(1)
		w := m.run(0)
		if again := w.arms[canary].total.v[preBlocks]; !cmp.Equal(first, again) {
			t.Errorf("%s: got %v and then %v", sc.Name, first, again)
		}
		for _, a := range w.arms {
			for _, f := range []queries.Frame{a.frames[ofErrors], a.frames[ofGauge]} {
				if err := f.Validate(); err != nil {
					t.Errorf("%s: %v", sc.Name, err)
				}
			}
		}
		if n := part(w.arms[canary].frames[ofErrors], columnN, 0, preBlocks); n != 0 {
			t.Errorf("%s: the canary has %v requests before the rollout", sc.Name, n)
		}
	}
}

// TestRecorded measures a few draws from the folder of real series: its bounds are wide.
func TestRecorded(t *testing.T) {
	dir := os.Getenv("SERIN_SERIES_DIR")
	if dir == "" {
		t.Skip("SERIN_SERIES_DIR is not set: nothing was measured on recorded series (docs/lab.md says what belongs there)")
	}
	s, err := ReadSeries(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		scenario  string
		low, high float64 // of the share rolled back
	}{
		{"web-by-client", 0, .3}, {"cloudwatch-cpu", 0, .3}, {"cloudwatch-cpu-x2", .4, 1}, {"vm-memory-wide", 0, .3}, {"vm-memory-wide-x2", .8, 1},
	} {
		sc, err := s.ScenarioNamed(tt.scenario)
		if err != nil {
			t.Error(err)
			continue
		}
		c := measure(t, sc.Setting(testSeed), 10, "serin")["serin"]
		if c.Level != Recorded || c.RollbackRate < tt.low || c.RollbackRate > tt.high {
			t.Errorf("%s: got %v rolled back at level %v, want %v to %v", tt.scenario, c.RollbackRate, c.Level, tt.low, tt.high)
		}
	}
}

func TestRefusedSeries(t *testing.T) {
	for name, tt := range map[string]struct{ file, text, want string }{
		"no gzip":        {webFile, "-", "gzip"},
		"other columns":  {webFile, "a,b\n1,2\n", "columns"},
		"a bad status":   {webFile, "unix_seconds,client,status,bytes\n1,2,999,4\n", "line 2: status"},
		"a bad size":     {webFile, "unix_seconds,client,status,bytes\n1,2,200,-4\n", "bytes is"},
		"a short row":    {webFile, "unix_seconds,client,status,bytes\n1,2\n", "fields"},
		"few requests":   {webFile, "unix_seconds,client,status,bytes\n1,2,200,4\n", "needs some"},
		"no number":      {cloudFile, "series,unix_seconds,value\na,1,NaN\n", "value is"},
		"back in time":   {cloudFile, "series,unix_seconds,value\na,2,1\na,1,1\n", "not sorted"},
		"a machine less": {vmFile, "benchmark,unit,sku,region,vm,unix_seconds,value\nb,u,s,r,,1,1\n", "vm is"},
	} {
		dir := t.TempDir()
		data := []byte(tt.text)
		if tt.text != "-" {
			data = zipped(t, tt.text)
		}
		if err := os.WriteFile(filepath.Join(dir, tt.file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSeries(dir); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.file) {
			t.Errorf("%s: got error %v, want one about %s with %q in it", name, err, tt.file, tt.want)
		}
	}
	if _, err := ReadSeries(t.TempDir()); err == nil || !strings.Contains(err.Error(), webFile) {
		t.Errorf("an empty folder: got error %v, want one that names %s", err, webFile)
	}
	for name, text := range map[string]string{
		"no object": "[]", "more": "{} {}", "an unknown series": `{"b": []}`, "no time": `{"a": [["now", "then"]]}`, "an empty window": `{"a": [["2030-01-01 00:00:00", "2030-01-02 00:00:00"]]}`,
	} {
		if err := readWindows(strings.NewReader(text), []cloud{{name: "a", at: []int{1}, values: []float64{1}}}); err == nil {
			t.Errorf("windows with %s: got no error", name)
		}
	}
}

// TestSeriesHaveTheirOwnLevel holds that recorded numbers cannot pass as simulated ones.
func TestSeriesHaveTheirOwnLevel(t *testing.T) {
	s := madeUp(t).Scenarios()[0].Setting(1)
	s.Level = Moderate
	if err := s.validate(); err == nil {
		t.Error("a recorded scenario at level moderate: got no error")
	}
	s = setting(t, "aa")
	s.Level = Recorded
	if err := s.validate(); err == nil {
		t.Error("a simulated scenario at level recorded: got no error")
	}
	var l Level
	if err := l.UnmarshalText([]byte("recorded")); err != nil || l != Recorded {
		t.Errorf("recorded: got %v, %v", l, err)
	}
}

// FuzzSeries holds that no file stops the reader in another way than by an error.
func FuzzSeries(f *testing.F) {
	f.Add(uint8(0), "unix_seconds,client,status,bytes\n1,2,200,3\n")
	f.Add(uint8(1), "series,unix_seconds,value\na,1,2.5\n")
	f.Add(uint8(2), "benchmark,unit,sku,region,vm,unix_seconds,value\nb,u,s,r,0,1,1e300\n")
	f.Add(uint8(3), `{"a": [["2014-02-26 13:45:00.000000", "2014-02-27 06:25:00.000000"]]}`)
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		switch kind % 4 {
		case 0:
			all, err := readRequests(bytes.NewReader(zipped(t, text)))
			if err == nil && len(all) < allBlocks {
				t.Errorf("%d requests were taken", len(all))
			}
		case 1:
			all, err := readClouds(bytes.NewReader(zipped(t, text)))
			if err == nil {
				cloudScenarios(all)
			}
		case 2:
			all, err := readFleets(bytes.NewReader(zipped(t, text)))
			if err == nil && (len(all) == 0 || all[0].machines[0].points[0].at < 1<<20) {
				vmScenarios(all)
			}
		case 3:
			_ = readWindows(strings.NewReader(text), []cloud{{name: "a", at: []int{1}, values: []float64{1}}})
		}
	})
}

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Series are recorded numbers of real services: what is left of a folder of files
// after reading. Rollouts are drawn from them at random; no number is simulated
// except what a scenario says is wrong.
type Series struct {
	requests []request
	clouds   []cloud
	fleets   []fleet
}

// The files of a folder of series. Each may be missing, but not all.
const (
	webFile     = "web_requests.csv.gz"
	cloudFile   = "cloudwatch.csv.gz"
	windowsFile = "cloudwatch_anomaly_windows.json"
	vmFile      = "vm_noise.csv.gz"
)

// ReadSeries reads the folder. It fails where a file is not what the documentation
// of the lab says, and where there is none.
func ReadSeries(dir string) (*Series, error) {
	s := &Series{}
	found := 0
	for _, f := range []struct {
		name string
		read func(*os.File) error
	}{
		{webFile, func(f *os.File) (err error) { s.requests, err = readRequests(f); return err }},
		{cloudFile, func(f *os.File) (err error) { s.clouds, err = readClouds(f); return err }},
		{windowsFile, func(f *os.File) error { return readWindows(f, s.clouds) }},
		{vmFile, func(f *os.File) (err error) { s.fleets, err = readFleets(f); return err }},
	} {
		err := readFile(filepath.Join(dir, f.name), f.read)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("there are no series in %s; the lab reads %s there", dir, strings.Join([]string{webFile, cloudFile, vmFile}, ", "))
	}
	return s, nil
}

func readFile(path string, read func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// seriesCase is where the numbers of a scenario come from.
type seriesCase struct {
	plan string
	pods Pods
	rps  float64
	make func(seed uint64) maker
}

// Setting returns how a scenario on recorded numbers is measured: pods and requests
// are those of the record.
func (s Scenario) Setting(seed uint64) Setting {
	out := Setting{Level: Recorded, Scenario: s, Seed: seed}
	if s.series != nil {
		out.Pods, out.RPS = s.series.pods, s.series.rps
	}
	return out
}

// injected is what a scenario changes of the canary's recorded numbers.
type injected struct{ errors, values float64 }

// injections are the variants of every set of values: as it is, and made worse.
func injections() []struct {
	suffix, about string
	injected
} {
	return []struct {
		suffix, about string
		injected
	}{
		{"", "", injected{1, 1}},
		{"-x1.3", ", the canary's 30% larger", injected{1, 1.3}},
		{"-x2", ", the canary's doubled", injected{1, 2}},
	}
}

// Scenarios lists what can be measured on the series.
func (s *Series) Scenarios() []Scenario {
	var out []Scenario
	if len(s.requests) > 0 {
		out = append(out, webScenarios(s.requests)...)
	}
	out = append(out, cloudScenarios(s.clouds)...)
	return append(out, vmScenarios(s.fleets)...)
}

// ScenarioNamed returns one of them.
func (s *Series) ScenarioNamed(name string) (Scenario, error) {
	return scenarioNamed(s.Scenarios(), name)
}

// valuePlan is the plan of series of one value. The judge's clock starts with the
// canary's first request, so there are even, made up requests beside it.
const valuePlan = `service: lab
source: lab
selector: arm="{{ .Version }}"
metrics:
  - name: value
    kind: gauge
    query: avg(lab_value)
    weight: 1
    required: true
  - name: requests
    query: sum(rate(http_requests_total[1m]))
`

// gaugePlaces returns n places that have no requests.
func gaugePlaces(n int) []slot {
	out := make([]slot, n)
	for k := range out {
		out[k] = newSlot(0)
	}
	return out
}

// evenRequests is how many requests a place without any is said to have in a block.
const evenRequests = 1000

// set gives a place a value in block t; not a number is a gap.
func (s *slot) set(t int, v float64) {
	s.v[t], s.n[t] = v, evenRequests
	if math.IsNaN(v) {
		s.n[t] = math.NaN()
	}
}

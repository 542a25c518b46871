package calibrate_test

import (
	"os"
	"testing"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
)

// TestRecordedMachines calibrates on recorded numbers of real machines, one of which is
// held against the others, and compares with what the lab measures on the same numbers.
func TestRecordedMachines(t *testing.T) {
	dir := os.Getenv("SERIN_SERIES_DIR")
	if dir == "" {
		t.Skip("SERIN_SERIES_DIR is not set: nothing was calibrated on recorded series (docs/lab.md says what belongs there)")
	}
	series, err := lab.ReadSeries(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vm-memory-wide", "vm-redis-wide"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const runs = 60
			s, err := series.ScenarioNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			f, p := fleet(t, s.Setting(1), runs)
			file, h := past(t, f, runs, p)
			r := study(t, file, h, calibrate.Config{Plan: p, Draws: runs, Seed: 1})
			cells, err := lab.Run(t.Context(), lab.Config{Settings: []lab.Setting{s.Setting(2)}, Runs: 200, Rules: []string{"serin"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("lab %.3f; calibrate %+v, %d stretches left out, against %.1f others; %+v", cells[0].HarmRate, r.Alarms, r.Skipped, r.Others, r.Likeness)
			if rate := cells[0].HarmRate; rate < r.Alarms.Low || rate > r.Alarms.High {
				t.Errorf("the lab's rate is %.3f, which is outside of %.3f to %.3f", rate, r.Alarms.Low, r.Alarms.High)
			}
		})
	}
}

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// TestKill9 has 200 rollouts judged by sixteen callers at once, while servers are
// killed at moments that a seed draws: between any two answers, questions to the
// source and callbacks. Whatever a caller was told is recorded, whatever is owed is
// told, and every verdict replays byte for byte.
func TestKill9(t *testing.T) {
	needsMinutes(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		killed(t, filepath.Join(t.TempDir(), "serin.db"), 1)
	})
	t.Run("ThreeReplicasOnPostgreSQL", func(t *testing.T) {
		t.Parallel()
		killed(t, pgtest.Start(t, pgtest.Config{Fsync: true}).NewDatabase(t), 3)
	})
}

func killed(t *testing.T, target string, replicas int) {
	const rollouts, callers, kills = 200, 16, 9
	w := newWorld(t)
	config := w.config("serin.yaml", target, "")
	var servers []*server
	for range replicas {
		servers = append(servers, serve(t, config))
	}
	events := make(chan struct{}, 1<<16)
	event := func() {
		select {
		case events <- struct{}{}:
		default: // nobody counts any more
		}
	}
	l := newLedger(t)
	l.event = event
	w.told.arrived = event
	w.store.watch(func(string, url.Values) { event() })

	over, dead := make(chan struct{}), make(chan int)
	go func() {
		luck, n := rand.New(rand.NewPCG(9, uint64(replicas))), 0
		defer func() { dead <- n }()
		for range kills {
			for range 20 + luck.IntN(120) {
				select {
				case <-events:
				case <-over:
					return
				}
			}
			s := servers[n%replicas]
			s.kill()
			n++
			if err := s.tryStart(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	began := time.Now()
	l.caller(t, servers...).crowd(rollouts, callers, func(n int) announcement {
		canary := "good"
		if n%3 == 0 {
			canary = "bad"
		}
		return announcement{revision: fmt.Sprintf("r%03d", n), plan: "checkout", canary: canary, callback: w.told.server.URL, ago: 2 * time.Minute}
	})
	close(over)
	died := <-dead
	t.Logf("%d rollouts in %s, %d kills", rollouts, time.Since(began).Round(time.Second), died)
	if died < kills-2 {
		t.Errorf("got %d kills before the callers were done, want %d", died, kills)
	}
	for _, s := range servers { // the callbacks that are under way are met too
		s.kill()
	}
	for _, s := range servers {
		s.start()
	}
	settle(t, target, l, w.told)
}

package share

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// busy is a store that answers a bounded number of questions at a time, each after
// a moment, as a server does.
type busy struct {
	slots chan struct{}
	asked atomic.Int64
}

func (b *busy) Blocks(_ context.Context, _ queries.Reading, w queries.Window) (queries.Frame, error) {
	b.asked.Add(1)
	b.slots <- struct{}{}
	<-time.After(time.Millisecond)
	<-b.slots
	return frame(w), nil
}

// BenchmarkRollouts has 200 rollouts of 20 services (a service's rollouts share
// their baseline, and so half of their questions) ask 5 metrics of both arms at
// once, of a store that takes 1 ms for each and 16 at a time.
func BenchmarkRollouts(b *testing.B) {
	for _, shared := range []bool{false, true} {
		b.Run(fmt.Sprintf("shared=%v", shared), func(b *testing.B) {
			store := &busy{slots: make(chan struct{}, 16)}
			for b.Loop() {
				var src queries.Source = store
				if shared {
					src = New(store, Config{Name: "prom"})
				}
				var wg sync.WaitGroup
				for r := range 200 {
					ctx := queries.WithAsker(b.Context(), queries.Asker{Rollout: fmt.Sprint(r), At: zero.Add(time.Minute)})
					for m := range 5 {
						for _, arm := range []string{fmt.Sprintf("canary %d", r), fmt.Sprintf("baseline %d", r%20)} {
							wg.Go(func() {
								if _, err := src.Blocks(ctx, reading(fmt.Sprintf("m%d of %s", m, arm)), window(60)); err != nil {
									b.Error(err)
								}
							})
						}
					}
				}
				wg.Wait()
			}
			b.ReportMetric(float64(store.asked.Load())/float64(b.N), "asked/op")
		})
	}
}

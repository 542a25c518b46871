package lab

// sizeBounds are the buckets of answers by bytes.
func sizeBounds() []float64 { return []float64{300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6} }

// webPlaces is how many places serve the recorded requests: one is the canary.
const webPlaces = 5

// webPlan asks for failed answers and for sizes, which take the place of durations.
const webPlan = `service: lab
source: lab
selector: arm="{{ .Version }}"
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"[45].."}[1m])) / sum(rate(http_requests_total[1m]))
  - name: sizes
    query: histogram_quantile(0.99, sum by (le) (rate(http_response_size_bytes_bucket[1m])))
    unit: bytes
`

// webScenarios split the requests of a web server, all of which are replayed in two
// hours of equal parts.
func webScenarios(all []request) []Scenario {
	var out []Scenario
	rps := float64(len(all)) / (allBlocks * 60)
	for _, split := range []struct {
		name, about string
		byClient    bool
	}{
		{"web-by-client", "requests of a web server, every client stays with its pod", true},
		{"web-by-request", "requests of a web server, dealt out one by one", false},
	} {
		for _, made := range []struct {
			suffix, about string
			injected
		}{
			{"", "", injected{1, 1}},
			{"-errors-x2", ", the canary fails twice as often", injected{2, 1}},
			{"-errors-x4", ", the canary fails four times as often", injected{4, 1}},
			{"-sizes-x1.3", ", the canary's answers 30% larger", injected{1, 1.3}},
			{"-sizes-x2", ", the canary's answers doubled", injected{1, 2}},
		} {
			out = append(out, Scenario{
				Name: split.name + made.suffix, About: split.about + made.about, Bad: made.suffix != "",
				series: &seriesCase{plan: webPlan, pods: Pods{webPlaces - 1, 1}, rps: rps, make: func(seed uint64) maker {
					w := &webMaker{all: all, byClient: split.byClient, injected: made.injected, seed: seed, slots: make([]slot, webPlaces)}
					for k := range w.slots {
						w.slots[k] = newSlot(len(sizeBounds()))
					}
					for _, r := range all {
						if r.failed {
							w.rate += 1 / float64(len(all))
						}
					}
					return w
				}},
			})
		}
	}
	return out
}

// webMaker replays requests. The place of each and where the replay begins are drawn
// anew for every run.
type webMaker struct {
	all      []request
	byClient bool
	injected
	rate  float64 // of failures
	seed  uint64
	slots []slot
	world world
}

// run implements [maker].
func (w *webMaker) run(index int) *world {
	d := newDrawer(w.seed, uint64(index)<<16)
	for k := range w.slots {
		w.slots[k].empty()
	}
	salt, first := d.Uint64(), w.all[0].at
	span := w.all[len(w.all)-1].at - first + 1
	shift := d.IntN(span)
	for i, r := range w.all {
		t := (r.at - first + shift) % span * allBlocks / span
		key := uint64(i)<<32 | 1<<63 // no client's
		if w.byClient {
			key = uint64(r.client)
		}
		h := mixWord(salt ^ mixWord(key))
		k := int(h % webPlaces)
		if k == 0 && t < preBlocks { // there is no canary yet
			k = 1 + int(h/webPlaces%(webPlaces-1))
		}
		if k == 0 {
			r = w.worse(d, r)
		}
		w.slots[k].serve(t, r)
	}
	w.world.build(sizeBounds(), staff{places: w.slots, canaries: 1, first: [2]int{preBlocks, 0}})
	return &w.world
}

// worse is what an ill canary makes of a request.
func (w *webMaker) worse(d drawer, r request) request {
	r.size *= w.values
	if !r.failed && w.errors > 1 {
		r.failed = d.Float64() < (w.errors-1)*w.rate/(1-w.rate)
	}
	return r
}

// empty makes all counts zero.
func (s *slot) empty() {
	for _, c := range [...][]float64{s.n, s.x, s.sum, s.v, s.client, s.throttled, s.lost, s.over} {
		clear(c)
	}
}

// serve counts a request in block t.
func (s *slot) serve(t int, r request) {
	s.n[t]++
	if r.failed {
		s.x[t]++
	}
	s.sum[t] += r.size
	limits := sizeBounds()
	for k, bound := range limits {
		if r.size > bound {
			s.over[t*len(limits)+k]++
		}
	}
}

package app

import (
	"hash/fnv"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// benchPlan has five metrics: two ratios, two histograms of twelve bounds, a gauge.
const benchPlan = `service: bench
name: bench
selector: workload="{{ .Workload }}"
block: BLOCK
lag: LAG
maxDuration: 4h
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
    critical: true
  - name: rejected
    query: sum(rate(http_requests_total{code=~"4.."}[1m])) / sum(rate(http_requests_total[1m]))
  - name: latency
    query: histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))
  - name: database
    query: histogram_quantile(0.9, sum by (le) (rate(db_query_duration_seconds_bucket[1m])))
  - name: memory
    query: avg by (pod) (process_resident_memory_bytes)
    weight: 0
    required: false
`

// fakeSource answers as a Prometheus that has three pods of whatever workload it is
// asked for, with some noise. It runs in the process of the benchmark, not of the
// server, so that its work is not counted as the server's.
type fakeSource struct {
	*httptest.Server
	latency atomic.Int64 // of each answer, beside what it takes to write it
	dead    atomic.Bool  // it does not tell its time
	clock   func() time.Time

	queries, bytes atomic.Int64
}

func newFakeSource(b testing.TB, clock func() time.Time) *fakeSource {
	b.Helper()
	f := &fakeSource{clock: clock}
	f.Server = httptest.NewServer(f)
	b.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeSource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/query_range") {
		if f.dead.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"status":"error","errorType":"execution","error":"not now"}`)
			return
		}
		t := strconv.FormatFloat(float64(f.clock().UnixMilli())/1000, 'f', 3, 64)
		body := `{"status":"success","data":{"resultType":"scalar","result":[` + t + `,"` + t + `"]}}`
		if r.Form.Get("query") == "vector(1)" {
			body = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[` + t + `,"1"]}]}}`
		}
		_, _ = io.WriteString(w, body)
		return
	}
	body := matrixOf(r.Form.Get("query"), [3]int64{seconds(r.Form.Get("start")), seconds(r.Form.Get("end")), seconds(r.Form.Get("step"))})
	f.queries.Add(1)
	f.bytes.Add(int64(len(body)))
	if d := time.Duration(f.latency.Load()); d > 0 {
		<-time.After(d)
	}
	_, _ = w.Write(body) // the server may have left
}

func seconds(text string) int64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return int64(math.Round(x))
}

var (
	nameOf     = regexp.MustCompile(`__name__="([a-z_]+)"|([a-z_]+)\{`)
	workloadOf = regexp.MustCompile(`workload="([a-z0-9-]+)"`)
	codeOf     = regexp.MustCompile(`code=~"([45])\.\."`)
	boundsOf   = []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "7.5", "10", "+Inf"}
)

// first returns the first group of a match that is not empty.
func first(groups []string) string {
	for i := 1; i < len(groups); i++ {
		if groups[i] != "" {
			return groups[i]
		}
	}
	return ""
}

// matrixOf answers one query over start, end and step in seconds.
func matrixOf(query string, over [3]int64) []byte {
	name, workload := first(nameOf.FindStringSubmatch(query)), first(workloadOf.FindStringSubmatch(query))
	m := matrix{over: over, out: make([]byte, 0, 4096)}
	m.out = append(m.out, `{"status":"success","data":{"resultType":"matrix","result":[`...)
	for pod := range 3 {
		id := workload + "-" + strconv.Itoa(pod)
		requests := func(t int64) int64 { return count(id, t) }
		switch {
		case strings.HasSuffix(name, "_bucket"):
			for k, le := range boundsOf {
				share := 1 - math.Pow(0.45, float64(k+1))
				if le == "+Inf" {
					share = 1
				}
				m.series(name, id, `,"le":"`+le+`"`, func(t int64) float64 { return math.Floor(float64(requests(t)) * share) })
			}
		case strings.HasSuffix(name, "_sum"):
			m.series(name, id, "", func(t int64) float64 { return 0.0125 * float64(requests(t)) })
		case name == "process_resident_memory_bytes":
			m.series("", id, "", func(t int64) float64 { return 2e8 + float64(noise(id, t/15, 1<<22)) })
		case codeOf.MatchString(query):
			code := first(codeOf.FindStringSubmatch(query)) + "00"
			m.series(name, id, `,"code":"`+code+`"`, func(t int64) float64 { return math.Floor(0.004*float64(requests(t))) + float64(noise(id, t/15, 2)) })
		default:
			m.series(name, id, `,"code":"200"`, func(t int64) float64 { return float64(requests(t)) })
			m.series(name, id, `,"code":"400"`, func(t int64) float64 { return math.Floor(0.004*float64(requests(t))) + float64(noise(id, t/15, 2)) })
			m.series(name, id, `,"code":"500"`, func(t int64) float64 { return math.Floor(0.004*float64(requests(t))) + float64(noise(id, t/15, 2)) })
		}
	}
	return append(m.out, `]}}`...)
}

// count is a counter of about 10 requests a second, scraped each 15 s. It grows
// whatever the noise.
func count(id string, t int64) int64 {
	i := t / 15 % (1 << 24)
	return 150*i + noise(id, i, 60)
}

// noise is a number below most that depends on nothing but its arguments.
func noise(id string, i, most int64) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, id)
	x := h.Sum64() ^ uint64(i)*0x9e3779b97f4a7c15
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	return int64((x ^ x>>32) % uint64(most))
}

// matrix writes an answer.
type matrix struct {
	over [3]int64
	out  []byte
	some bool
}

func (m *matrix) series(name, pod, more string, value func(t int64) float64) {
	if m.some {
		m.out = append(m.out, ',')
	}
	m.some = true
	m.out = append(m.out, `{"metric":{`...)
	if name != "" {
		m.out = append(m.out, `"__name__":"`+name+`",`...)
	}
	m.out = append(m.out, `"job":"bench","instance":"`+pod+`:8080","namespace":"bench","pod":"`+pod+`"`+more+`},"values":[`...)
	for t := m.over[0]; t <= m.over[1]; t += max(m.over[2], 1) {
		if t > m.over[0] {
			m.out = append(m.out, ',')
		}
		m.out = append(strconv.AppendInt(append(m.out, '['), t, 10), `,"`...)
		m.out = append(strconv.AppendFloat(m.out, value(t), 'f', -1, 64), `"]`...)
	}
	m.out = append(m.out, `]}`...)
}

package load_test

import (
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks/load"
)

// cpu is the time that this process, the benchmark's server in it, has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLoad and BenchmarkPlain are to be held against each other: the same request
// by the load, and by a bare client. Client and server are both counted.
func BenchmarkLoad(b *testing.B) {
	address := serve(b, ok)
	b.ReportAllocs()
	sent, before := 0, cpu(b)
	for b.Loop() {
		run, err := local().Run(b.Context(), load.Load{Canary: address, Baseline: address, Rate: load.MaxRate, Duration: time.Second})
		if err != nil {
			b.Fatal(err)
		}
		sent += len(run.Canary) + len(run.Baseline)
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(sent), "cpu-µs/request")
	b.ReportMetric(float64(sent)/float64(b.N), "requests/op")
}

func BenchmarkPlain(b *testing.B) {
	address := serve(b, ok)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	b.Cleanup(client.CloseIdleConnections)
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		resp, err := client.Get(address)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/request")
}

package main

import (
	"math"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// livedNative is a server that has a past of services which observe their requests in native
// histograms. They are no text that could be loaded, so that they are written to it as an
// agent does.
func livedNative(t *testing.T, proof presettest.Proof) string {
	t.Helper()
	url := promtest.Start(t, promtest.Config{Flags: []string{"--enable-feature=native-histograms", promtest.ReceiveWrites}})
	now := time.Now().Truncate(time.Minute)
	var all []promtest.Sent
	for _, arm := range []struct {
		version string
		pods    []string
		growth  map[string]float64 // a minute and pod, by status
	}{
		{"1.4.0", []string{"b-1", "b-2"}, map[string]float64{"200": 95, "404": 2, "503": 3}},
		{"1.5.0", []string{"c-1"}, map[string]float64{"200": 66, "404": 10, "503": 4}},
	} {
		for _, pod := range arm.pods {
			for status, growth := range arm.growth {
				s := promtest.Sent{Labels: map[string]string{
					"__name__": "http_server_request_duration_seconds", "job": "pods", "instance": pod + ":9090", "pod": pod,
					"service_name": proof.Service, "service_version": arm.version, "http_response_status_code": status,
				}}
				grown := 1000.0
				for at := now.Add(-95 * time.Minute); at.Before(now.Add(5 * time.Minute)); at = at.Add(20 * time.Second) {
					grown += growth / 3 * (1 + 0.2*math.Sin(float64(at.Unix()/60)*1.7))
					s.Samples = append(s.Samples, promtest.Point{At: at, Native: observed(grown)})
				}
				all = append(all, s)
			}
		}
	}
	promtest.Write(t, url, all...)
	return url
}

// observed is a histogram of so many requests, half of them within 31 ms and all within
// 250 ms.
func observed(n float64) *promtest.Native {
	shares := []float64{0.1, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1}
	h := &promtest.Native{Schema: 1, First: -10} // the first bucket ends at 2^-5 s
	for _, share := range shares {
		h.Buckets = append(h.Buckets, uint64(n*share))
	}
	h.Sum = 0.05 * n
	return h
}

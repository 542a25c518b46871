package promtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"
)

// ReceiveWrites lets a server take what [Write] sends.
const ReceiveWrites = "--web.enable-remote-write-receiver"

// Sent is a series that [Write] sends. Its labels have its name, as __name__; its samples
// come in the order of time.
type Sent struct {
	Labels  map[string]string
	Samples []Point
}

// Point is one sample: a number, or a native histogram.
type Point struct {
	At     time.Time
	Value  float64
	Native *Native
}

// Native is a native histogram of counts: a run of buckets beside one another, each
// 2^2^-Schema times as wide as the one before, which ends at 2^(2^-Schema × First) in its
// unit and has the first of the counts.
type Native struct {
	Schema, First int
	Buckets       []uint64
	Sum           float64
}

// Write sends series to a running server, as agents do: remote write, version 1. What
// the server refuses fails the test.
func Write(t testing.TB, url string, series ...Sent) {
	t.Helper()
	if status, said := TryWrite(t, url, series...); status/100 != 2 {
		t.Fatalf("the server refused what was written: %d %s", status, said)
	}
}

// TryWrite sends series and returns the server's status, and what it says.
func TryWrite(t testing.TB, url string, series ...Sent) (status int, said string) {
	t.Helper()
	var body []byte
	for _, s := range series {
		body = appendBytes(body, 1, s.message())
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/write", bytes.NewReader(literal(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// message is a series as the protocol has it (prometheus/prompb/types.proto).
func (s Sent) message() []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		label := appendBytes(nil, 1, []byte(name))
		out = appendBytes(out, 1, appendBytes(label, 2, []byte(s.Labels[name])))
	}
	for _, p := range s.Samples {
		if p.Native != nil {
			out = appendBytes(out, 4, p.Native.message(p.At))
			continue
		}
		sample := appendDouble(nil, 1, p.Value)
		out = appendBytes(out, 2, appendInt(sample, 2, p.At.UnixMilli()))
	}
	return out
}

func (n Native) message(at time.Time) []byte {
	var count uint64
	var deltas []byte
	before := int64(0)
	for _, b := range n.Buckets {
		count += b
		deltas = binary.AppendVarint(deltas, int64(b)-before)
		before = int64(b)
	}
	span := appendZigzag(nil, 1, int64(n.First))
	span = appendInt(span, 2, int64(len(n.Buckets)))
	out := appendInt(nil, 1, int64(count))
	out = appendDouble(out, 3, n.Sum)
	out = appendZigzag(out, 4, int64(n.Schema))
	out = appendDouble(out, 5, 1e-9) // what counts as zero; none of it is
	out = appendBytes(out, 11, span)
	out = appendBytes(out, 12, deltas)
	return appendInt(out, 15, at.UnixMilli())
}

// Fields of protocol buffers: a key of the field's number and its wire type, then the value.
const (
	wireVarint = 0
	wireDouble = 1
	wireBytes  = 2
)

func appendBytes(b []byte, field uint64, v []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|wireBytes)
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendInt(b []byte, field uint64, v int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3|wireVarint), uint64(v))
}

func appendZigzag(b []byte, field uint64, v int64) []byte {
	return binary.AppendVarint(binary.AppendUvarint(b, field<<3|wireVarint), v)
}

func appendDouble(b []byte, field uint64, v float64) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, field<<3|wireDouble), math.Float64bits(v))
}

// literal writes bytes in Snappy's block format without compressing them: their number,
// then runs of at most 64 KiB, each behind a tag and its length.
func literal(b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(b)))
	for run := range slices.Chunk(b, 1<<16) {
		const lengthInTwoBytes = 61 << 2
		out = append(out, lengthInTwoBytes)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(run)-1))
		out = append(out, run...)
	}
	return out
}

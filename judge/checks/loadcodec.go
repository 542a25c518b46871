package checks

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// A load is recorded with every look that uses it, so that its samples are written in
// about four bytes each:
//
//	version, and then deflated:
//	for the canary and then the baseline: the number of samples and the form of their
//	times; the times; differences of the latencies' codes; lateness, a byte each; runs of
//	equal status and failure
//
// Latencies are logarithms in steps of [LoadResolution], from 10 µs on; lateness, which
// is taken off before, in eighths of an octave from 10 µs on. What is below is 0 for
// lateness and 10 µs for latencies. Times are those of the schedule, of which a bit says
// who went first, or else nanoseconds. Integers are varints as in encoding/binary.
//
// Reading what was written and writing it again gives the same values, so that the look
// that uses a load and every replay of it see the same.
const (
	loadVersion = 1
	// LoadResolution is the step of recorded latencies on the scale of natural logarithms:
	// a recorded latency is within 0.05 % of what was measured.
	LoadResolution = 1. / 1024
	loadLeast      = 10 * time.Microsecond // the shortest recorded latency
	lateSteps      = 8                     // to an octave

	onSchedule = 0 // a bit each
	freely     = 1 // differences in nanoseconds
	// maxLoadUnpacked bounds what a recorded load is unpacked into, in bytes.
	maxLoadUnpacked = 16 << 20
)

// recordedLoad is a load as JSON has it.
type recordedLoad struct {
	Requests int           `json:"requests"` // to each arm; for people
	Rate     float64       `json:"rate"`
	Warmup   int           `json:"warmup,omitempty"`
	Took     time.Duration `json:"took"`
	Ended    string        `json:"ended,omitempty"`
	Samples  []byte        `json:"samples"`
}

// MarshalJSON writes the load with its samples in base64.
func (r LoadRun) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte(loadVersion)
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	var plain []byte
	for _, arm := range [...][]LoadSample{r.Canary, r.Baseline} {
		plain = appendSamples(plain, arm, r.Rate)
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(recordedLoad{len(r.Canary), r.Rate, r.Warmup, r.Took, r.Ended, b.Bytes()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *LoadRun) UnmarshalJSON(text []byte) error {
	var l recordedLoad
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	if len(l.Samples) == 0 || l.Samples[0] != loadVersion {
		return fmt.Errorf("its samples are in a form that this binary does not read; it reads form %d", loadVersion)
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(l.Samples[1:])), maxLoadUnpacked+1))
	switch {
	case err != nil:
		return fmt.Errorf("its samples cannot be unpacked: %w", err)
	case len(plain) > maxLoadUnpacked:
		return errors.New("its samples are too many")
	}
	d := loadReader{b: plain, rate: l.Rate}
	canary, baseline := d.samples(), d.samples()
	if d.bad || len(d.b) > 0 {
		return errors.New("its samples cannot be read: they end early, or go on")
	}
	*r = LoadRun{Canary: canary, Baseline: baseline, Rate: l.Rate, Warmup: l.Warmup, Took: l.Took, Ended: l.Ended}
	return nil
}

// scheduled is when request k of a load may leave: at the beginning of its interval or
// half an interval later.
func scheduled(k int, rate float64, second bool) time.Duration {
	at := float64(k)
	if second {
		at += .5
	}
	return time.Duration(at * (float64(time.Second) / rate))
}

func appendSamples(b []byte, samples []LoadSample, rate float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(samples)))
	b = appendTimes(b, samples, rate)
	before := int64(0)
	for _, s := range samples {
		code := latencyCode(s.Latency - s.Late)
		b = binary.AppendVarint(b, code-before)
		before = code
	}
	for _, s := range samples {
		b = append(b, lateCode(s.Late))
	}
	for i := 0; i < len(samples); {
		n := 1
		for i+n < len(samples) && samples[i+n].Status == samples[i].Status && samples[i+n].Failure == samples[i].Failure {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(max(samples[i].Status, 0)))
		b = append(b, failureCode(samples[i].Failure))
		i += n
	}
	return b
}

func appendTimes(b []byte, samples []LoadSample, rate float64) []byte {
	bits := make([]byte, (len(samples)+7)/8)
	for k, s := range samples {
		switch s.At {
		case scheduled(k, rate, false):
		case scheduled(k, rate, true):
			bits[k/8] |= 1 << (k % 8)
		default:
			b = append(b, freely)
			before := time.Duration(0)
			for _, s := range samples {
				b = binary.AppendVarint(b, int64(s.At-before))
				before = s.At
			}
			return b
		}
	}
	return append(append(b, onSchedule), bits...)
}

// latencyCode is 0 for no latency.
func latencyCode(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return 1 + int64(math.Round(math.Log(max(float64(d)/float64(loadLeast), 1))/LoadResolution))
}

func latencyOf(code int64) time.Duration {
	if code <= 0 {
		return 0
	}
	return time.Duration(math.Round(float64(loadLeast) * math.Exp(float64(code-1)*LoadResolution)))
}

func lateCode(d time.Duration) byte {
	if d < loadLeast {
		return 0
	}
	return byte(min(1+math.Round(lateSteps*math.Log2(float64(d)/float64(loadLeast))), math.MaxUint8))
}

func lateOf(code byte) time.Duration {
	if code == 0 {
		return 0
	}
	return time.Duration(math.Round(float64(loadLeast) * math.Exp2(float64(code-1)/lateSteps)))
}

// loadFailures are written as their place in this list, which only grows.
func loadFailures() []LoadFailure {
	return []LoadFailure{LoadAnswered, LoadTimedOut, LoadNoAnswer, LoadTooLarge, LoadUnsent, LoadMissed, LoadForbidden, LoadCancelled}
}

func failureCode(f LoadFailure) byte {
	for i, known := range loadFailures() {
		if f == known {
			return byte(i)
		}
	}
	return failureCode(LoadNoAnswer) // nothing unknown is an answer
}

// loadReader reads samples. After its first fault it reads nothing more.
type loadReader struct {
	b    []byte
	rate float64
	bad  bool
}

func (d *loadReader) samples() []LoadSample {
	n := d.uint()
	if d.bad || n > uint64(len(d.b)) { // each sample takes a byte and more
		d.bad = true
		return nil
	}
	out := make([]LoadSample, n)
	d.times(out)
	before := int64(0)
	for k := range out {
		before += d.int()
		out[k].Latency = latencyOf(min(before, latencyCode(math.MaxInt64/4)))
	}
	for k, code := range d.bytes(len(out)) {
		out[k].Late = lateOf(code)
		out[k].Latency += out[k].Late
	}
	known := loadFailures()
	for k := 0; k < len(out) && !d.bad; {
		n, status, failure := d.uint(), d.uint(), d.bytes(1)
		if d.bad || n == 0 || n > uint64(len(out)-k) || status > 999 || int(failure[0]) >= len(known) {
			d.bad = true
			return nil
		}
		for range n {
			out[k].Status, out[k].Failure = int(status), known[failure[0]]
			k++
		}
	}
	return out
}

func (d *loadReader) times(out []LoadSample) {
	form := d.bytes(1)
	switch {
	case d.bad:
	case form[0] == onSchedule:
		for i, bits := range d.bytes((len(out) + 7) / 8) {
			for k := 8 * i; k < min(8*i+8, len(out)); k++ {
				out[k].At = scheduled(k, d.rate, bits>>(k%8)&1 == 1)
			}
		}
	case form[0] == freely:
		at := int64(0)
		for k := range out {
			at += d.int()
			out[k].At = time.Duration(at)
		}
	default:
		d.bad = true
	}
}

func (d *loadReader) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	return d.past(v, n)
}

func (d *loadReader) int() int64 {
	v, n := binary.Varint(d.b)
	return int64(d.past(uint64(v), n))
}

func (d *loadReader) past(v uint64, n int) uint64 {
	if n <= 0 || d.bad {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *loadReader) bytes(n int) []byte {
	if n > len(d.b) || d.bad {
		d.bad, d.b = true, nil
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

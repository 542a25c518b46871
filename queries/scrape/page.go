package scrape

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
)

// accept asks for protobuf, which alone carries native histograms, and for text
// otherwise. OpenMetrics is not asked for: expfmt does not read it.
const accept = expfmt.ProtoFmt + "encoding=delimited;escaping=allow-utf-8;q=0.6," +
	"text/plain;version=" + expfmt.TextVersion + ";escaping=allow-utf-8;q=0.5,*/*;q=0.2"

// page is a target's answer.
type page struct {
	body        []byte
	contentType string
}

// exposed is one sample of a page, before the target's labels are added. It is valid
// only until the next one is read.
type exposed struct {
	name, suffix string
	pairs        []*dto.LabelPair
	extra        label // le or quantile, where its name is set
	t            int64 // milliseconds, where timed
	timed        bool
	v            float64
	h            *histogram.Histogram
	fh           *histogram.FloatHistogram
	invalid      error // why the native histogram cannot be kept
}

type label struct{ name, value string }

// read hands every sample of the page to each, in an order that depends on the page
// alone. It refuses a page that is not well formed or has more than limit samples;
// by then each may have seen some.
func (p page) read(limit int, each func(*exposed)) (err error) {
	defer func() {
		// The decoders are made for well-meant pages; one that is not must not end the process.
		if r := recover(); r != nil {
			err = fmt.Errorf("the page cannot be read: %v", r)
		}
	}()
	families, binary, err := p.families(limit)
	if err != nil {
		return err
	}
	n := 0
	count := func(e *exposed) error {
		if n++; n > limit {
			return tooMany(limit)
		}
		each(e)
		return nil
	}
	for _, f := range families {
		if err := readFamily(f, binary, count); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(limit int) error {
	return fmt.Errorf("the page has more than %d samples, four times the series that the store may hold; raise MaxSeries or expose less", limit)
}

// families decodes the page, sorted by name. Binary says that it was protobuf.
func (p page) families(limit int) (all []*dto.MetricFamily, binary bool, err error) {
	media, params, err := mime.ParseMediaType(p.contentType)
	if err != nil {
		media = "" // Absent or broken: read it as text, as Prometheus did for years.
	}
	body, format := p.body, expfmt.FmtText
	switch {
	case media == expfmt.ProtoType:
		if proto := params["proto"]; proto != "" && proto != expfmt.ProtoProtocol {
			return nil, false, fmt.Errorf("the page is protobuf of type %q, not of metrics", proto)
		}
		if enc := params["encoding"]; enc != "" && enc != "delimited" {
			return nil, false, fmt.Errorf("the page is protobuf with encoding %q, not delimited", enc)
		}
		format, binary = expfmt.FmtProtoDelim, true
		err = checkDelimited(body, limit)
	case media == expfmt.OpenMetricsType:
		body = classicText(body)
		err = checkLines(body, limit)
	default:
		err = checkLines(body, limit)
	}
	if err != nil {
		return nil, binary, err
	}
	dec := expfmt.NewDecoder(bytes.NewReader(ended(body, binary)), format.WithEscapingScheme(model.NoEscaping))
	for {
		f := &dto.MetricFamily{}
		switch err := dec.Decode(f); {
		case errors.Is(err, io.EOF):
			slices.SortStableFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
			return all, binary, nil
		case err != nil:
			return nil, binary, unreadable(err, media)
		}
		all = append(all, f)
	}
}

// unreadable says what a page is beside why it cannot be read: often it is HTML.
func unreadable(err error, media string) error {
	if media == "" || media == "text/plain" || media == expfmt.ProtoType {
		return fmt.Errorf("the page is not one of metrics: %w", err)
	}
	return fmt.Errorf("the page is %s, not one of metrics: %w", media, err)
}

// ended gives a text page the newline that some forget at its end.
func ended(body []byte, binary bool) []byte {
	if binary || len(body) == 0 || body[len(body)-1] == '\n' {
		return body
	}
	return append(slices.Clip(body), '\n')
}

// checkLines refuses a text page with more samples than limit before it is decoded,
// which takes a hundred times its size.
func checkLines(body []byte, limit int) error {
	n := 0
	for line := range bytes.Lines(body) {
		if line[0] != '#' && line[0] != '\n' {
			n++
		}
	}
	if n > limit {
		return tooMany(limit)
	}
	return nil
}

// checkDelimited refuses a protobuf page that is cut short before the decoder
// allocates what a length in it promises, and one with more metrics than limit.
func checkDelimited(body []byte, limit int) error {
	metrics := 0
	for len(body) > 0 {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n) {
			return errors.New("the page is cut short: a message in it is longer than the rest of the page")
		}
		metrics += countMetrics(body[n : n+int(size)])
		if metrics > limit {
			return tooMany(limit)
		}
		body = body[n+int(size):]
	}
	return nil
}

// metricField is the number of a metric family's repeated metrics.
const metricField = 4

// countMetrics counts the metrics in a metric family's message. What is not well
// formed it leaves to the decoder.
func countMetrics(b []byte) int {
	metrics := 0
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return metrics
		}
		b = b[n:]
		skip := uint64(0)
		switch tag & 7 {
		case 0: // a varint
			_, n := binary.Uvarint(b)
			skip = uint64(max(n, 1))
		case 1: // eight bytes
			skip = 8
		case 2: // a length, and as many bytes
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return metrics
			}
			skip = uint64(n) + size
			if tag>>3 == metricField {
				metrics++
			}
		case 5: // four bytes
			skip = 4
		default: // groups, which metrics do not have
			return metrics
		}
		if skip > uint64(len(b)) {
			return metrics
		}
		b = b[skip:]
	}
	return metrics
}

package prometheus

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/api"
	"github.com/prometheus/common/model"
)

// The client decodes an answer three times over, by reflection, which is a third of a
// verdict's CPU and half of what it allocates. So answers that are written exactly as
// Prometheus writes them (no spaces, no escapes, ASCII, no histograms, no warnings) are
// read here, in one pass. Whatever looks otherwise in the least is left to the client,
// which alone says what is wrong with an answer.

// plainKey is where a context holds a *plain.
type plainKey struct{}

// plain is a matrix that was read past the client.
type plain struct {
	matrix  model.Matrix
	read    bool
	partial bool // the answer says of itself that it lacks a part
}

// nothing is what the client decodes in the place of an answer that has been read.
const nothing = `{"status":"success","data":{"resultType":"matrix","result":[]}}`

// shortcut reads plain answers of requests whose context asks for it.
type shortcut struct {
	api.Client
	http    *http.Client
	buffers *sync.Pool // of *bytes.Buffer: an answer is needed until it has been decoded
}

func newShortcut(c api.Client, h *http.Client) shortcut {
	return shortcut{c, h, &sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

// most is the size up to which a buffer is used again: one large answer shall not
// stay in memory.
const most = 1 << 20

// Do implements api.Client.
func (s shortcut) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	into, ok := ctx.Value(plainKey{}).(*plain)
	if !ok {
		return s.Client.Do(ctx, req)
	}
	resp, err := s.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	buf := s.buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return resp, nil, err
	}
	if resp.StatusCode == http.StatusOK {
		into.partial = saysPartial(buf.Bytes())
		if into.matrix, into.read = plainMatrix(buf.Bytes()); into.read {
			if buf.Cap() <= most {
				s.buffers.Put(buf)
			}
			return resp, []byte(nothing), nil
		}
	}
	return resp, buf.Bytes(), nil // the buffer goes with it
}

// plainMatrix reads an answer, and false where it is not plain.
func plainMatrix(body []byte) (model.Matrix, bool) {
	r := plainReader{rest: body, known: map[string]string{}}
	if !r.skip(`{"status":"success",`) {
		return nil, false
	}
	r.skip(`"isPartial":false,`)
	if !r.skip(`"data":{"resultType":"matrix","result":[`) {
		return nil, false
	}
	out := model.Matrix{}
	for first := true; !r.skip(`]}`); first = false {
		if !first && !r.skip(`,`) {
			return nil, false
		}
		s, ok := r.series()
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, r.end()
}

// plainReader reads on from where it is.
type plainReader struct {
	rest  []byte
	known map[string]string // texts of this answer: the same ones come again and again
}

func (r *plainReader) skip(text string) bool {
	if len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

// text reads the rest of a string whose first quote has been read.
func (r *plainReader) text() ([]byte, bool) {
	end := bytes.IndexByte(r.rest, '"')
	if end < 0 {
		return nil, false
	}
	text := r.rest[:end]
	for _, c := range text {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return nil, false
		}
	}
	r.rest = r.rest[end+1:]
	return text, true
}

// kept returns a text that does not keep the answer in memory.
func (r *plainReader) kept(text []byte) string {
	s, ok := r.known[string(text)]
	if !ok {
		s = string(text)
		r.known[s] = s
	}
	return s
}

// series reads {"metric":{"name":"value"},"values":[[1767225600,"1"]]}.
func (r *plainReader) series() (*model.SampleStream, bool) {
	s := &model.SampleStream{Metric: model.Metric{}}
	if !r.skip(`{"metric":{`) {
		return nil, false
	}
	for first := true; !r.skip(`},"values":[`); first = false {
		if !first && !r.skip(`,`) || !r.skip(`"`) {
			return nil, false
		}
		name, ok := r.text()
		if !ok || !isName(name) || !r.skip(`:"`) {
			return nil, false
		}
		value, ok := r.text()
		if !ok {
			return nil, false
		}
		s.Metric[model.LabelName(r.kept(name))] = model.LabelValue(r.kept(value))
	}
	s.Values = make([]model.SamplePair, 0, r.points())
	for first := true; !r.skip(`]}`); first = false {
		if !first && !r.skip(`,`) {
			return nil, false
		}
		p, ok := r.point()
		if !ok {
			return nil, false
		}
		s.Values = append(s.Values, p)
	}
	return s, true
}

// points counts the points of a series up to its end.
func (r *plainReader) points() int {
	end := max(bytes.Index(r.rest, []byte(`]]`)), 0)
	return bytes.Count(r.rest[:end], []byte{'['})
}

// point reads [1767225600.5,"1"].
func (r *plainReader) point() (p model.SamplePair, ok bool) {
	if !r.skip(`[`) {
		return p, false
	}
	if p.Timestamp, ok = r.time(); !ok || !r.skip(`,"`) {
		return p, false
	}
	text, ok := r.text()
	if !ok || !r.skip(`]`) {
		return p, false
	}
	v, err := strconv.ParseFloat(string(text), 64)
	p.Value = model.SampleValue(v)
	return p, err == nil
}

// time reads seconds with up to three decimals.
func (r *plainReader) time() (model.Time, bool) {
	const whole = 12 // digits of seconds, far beyond any time
	ms, n := int64(0), 0
	digits := func(limit int) int {
		k := 0
		for ; k < len(r.rest) && k < limit && '0' <= r.rest[k] && r.rest[k] <= '9'; k++ {
			ms = 10*ms + int64(r.rest[k]-'0')
		}
		r.rest = r.rest[k:]
		return k
	}
	leading := len(r.rest) > 1 && r.rest[0] == '0' && r.rest[1] != '.' && r.rest[1] != ','
	if n = digits(whole); n == 0 || leading {
		return 0, false
	}
	decimals := 0
	if r.skip(`.`) {
		if decimals = digits(3); decimals == 0 {
			return 0, false
		}
	}
	for ; decimals < 3; decimals++ {
		ms *= 10
	}
	return model.Time(ms), true
}

// isName reports whether a text is a label's name of the kind that needs no quotes.
func isName(text []byte) bool {
	for i, c := range text {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return len(text) > 0
}

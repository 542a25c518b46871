package prometheus

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries/promql"
)

// canned is a client that is answered with its own text.
type canned string

func (canned) URL(string, map[string]string) *url.URL { return &url.URL{} }

func (c canned) Do(context.Context, *http.Request) (*http.Response, []byte, error) {
	return &http.Response{StatusCode: http.StatusOK}, []byte(c), nil
}

// RoundTrip implements http.RoundTripper.
func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}

// slowly decodes an answer with the client.
func slowly(c api.Client) (model.Matrix, error) {
	v, warnings, _, err := v1.NewAPI(c).QueryRange(context.Background(), "x", v1.Range{Step: time.Second})
	m, ok := v.(model.Matrix)
	if err == nil && !ok || len(warnings) > 0 {
		err = fmt.Errorf("got %T and warnings %q, want a matrix", v, warnings)
	}
	return m, err
}

// answerOf is an answer with some series.
func answerOf(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

// alike compares as the reader sees it: NaN is NaN, and none is none.
func alike() []cmp.Option { return []cmp.Option{cmpopts.EquateEmpty(), cmpopts.EquateNaNs()} }

func TestPlainAnswersAreReadAsTheClientReadsThem(t *testing.T) {
	const labels = `"metric":{"__name__":"n_total","pod":"a-1"}`
	for name, c := range map[string]struct {
		body  string
		plain bool
	}{
		"nothing":           {answerOf(), true},
		"one":               {answerOf(`{` + labels + `,"values":[[1767225600,"1"],[1767225660,"2.5e3"]]}`), true},
		"two, with a line":  {answerOf(`{`+labels+`,"values":[[1,"1"]]}`, `{"metric":{},"values":[[1.5,"NaN"],[2.25,"+Inf"],[2.125,"-Inf"]]}`) + "\n", true},
		"no values":         {answerOf(`{` + labels + `,"values":[]}`), true},
		"a label twice":     {answerOf(`{"metric":{"a":"b","a":"c"},"values":[[1,"1"]]}`), true},
		"an escape":         {answerOf(`{"metric":{"a":"\u00e9"},"values":[[1,"1"]]}`), false},
		"not ASCII":         {answerOf(`{"metric":{"a":"é"},"values":[[1,"1"]]}`), false},
		"not UTF-8":         {answerOf("{\"metric\":{\"a\":\"\xff\"},\"values\":[[1,\"1\"]]}"), false},
		"a quoted name":     {answerOf(`{"metric":{"a.b":"c"},"values":[[1,"1"]]}`), false},
		"histograms":        {answerOf(`{` + labels + `,"histograms":[[1,{"count":"1","sum":"2","buckets":[]}]]}`), false},
		"both":              {answerOf(`{` + labels + `,"values":[[1,"1"]],"histograms":[]}`), false},
		"spaces":            {strings.ReplaceAll(answerOf(`{`+labels+`,"values":[[1,"1"]]}`), `,`, `, `), false},
		"warnings":          {`{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["x"]}`, false},
		"no matrix":         {`{"status":"success","data":{"resultType":"vector","result":[]}}`, false},
		"an error":          {`{"status":"error","errorType":"execution","error":"x"}`, false},
		"no number":         {answerOf(`{"metric":{},"values":[[1,"one"]]}`), false},
		"a number, bare":    {answerOf(`{"metric":{},"values":[[1,1]]}`), false},
		"a leading zero":    {answerOf(`{"metric":{},"values":[[01,"1"]]}`), false},
		"a negative time":   {answerOf(`{"metric":{},"values":[[-1,"1"]]}`), false},
		"microseconds":      {answerOf(`{"metric":{},"values":[[1.0001,"1"]]}`), false},
		"an exponent":       {answerOf(`{"metric":{},"values":[[1e3,"1"]]}`), false},
		"a dot and no more": {answerOf(`{"metric":{},"values":[[1.,"1"]]}`), false},
		"cut off":           {answerOf(`{` + labels + `,"values":[[1,"1"`)[:100], false},
		"more behind it":    {answerOf() + "x", false},
		"a list that ends":  {answerOf(`{"metric":{},"values":[[1,"1"],]}`), false},
		"beyond any number": {answerOf(`{"metric":{},"values":[[1,"1e999"]]}`), false},
		"beyond any time":   {answerOf(`{"metric":{},"values":[[1234567890123,"1"]]}`), false},
		"empty":             {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := plainMatrix([]byte(c.body))
			if ok != c.plain {
				t.Fatalf("got plain %v, want %v", ok, c.plain)
			}
			if !ok {
				return
			}
			want, err := slowly(canned(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, alike()...); diff != "" {
				t.Errorf("the client and the shortcut differ (-client +shortcut):\n%s", diff)
			}
		})
	}
}

// TestShortcut: what is read past the client comes out of Range, and what is not still
// goes through it.
func TestShortcut(t *testing.T) {
	body := answerOf(`{"metric":{"a":"b"},"values":[[1,"7"]]}`)
	s := source(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	for _, want := range []struct {
		body     string
		warnings int
	}{
		{body, 0}, {strings.TrimSuffix(body, "}") + `,"warnings":["partial"]}`, 1}, {" " + body, 0},
	} {
		body = want.body
		m, warnings, err := s.Range(t.Context(), "x", promql.Range{Start: 1000, End: 1000, Step: 1000})
		if err != nil || len(m) != 1 || m[0].Values[0].Value != 7 || len(warnings) != want.warnings {
			t.Errorf("%s: got %v, warnings %q, error %v", body, m, warnings, err)
		}
	}
}

// FuzzPlain holds the shortcut against the client: what it reads, the client reads the
// same way.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{
		answerOf(`{"metric":{"a":"b"},"values":[[1.25,"7"],[2,"NaN"]]}`), answerOf(`{"metric":{},"values":[]}`) + "\n",
		answerOf(`{"metric":{"le":"+Inf"},"values":[[1767225600.001,"0x1p-2"]]}`, `{"metric":{"le":"1"},"values":[[0,"-0"]]}`),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := plainMatrix(body)
		if !ok {
			return
		}
		want, err := slowly(canned(body))
		if err != nil {
			t.Fatalf("the client refuses what was read: %v", err)
		}
		if diff := cmp.Diff(want, got, alike()...); diff != "" {
			t.Errorf("the client and the shortcut differ (-client +shortcut):\n%s", diff)
		}
	})
}

// BenchmarkDecode reads the buckets of three pods over six minutes, as at each look.
func BenchmarkDecode(b *testing.B) {
	var series []string
	for pod := range 3 {
		for le := range 13 {
			var points []string
			for m := range 6 {
				points = append(points, fmt.Sprintf(`[%d,"%d"]`, 1767225600+60*m, 1000*m+int(math.Pow(2, float64(le)))))
			}
			series = append(series, fmt.Sprintf(`{"metric":{"__name__":"http_request_duration_seconds_bucket","instance":"10.0.0.%d:8080","job":"shop",`+
				`"le":"%d","namespace":"shop","pod":"checkout-6d4cf56db6-%d"},"values":[%s]}`, pod, le, pod, strings.Join(points, ",")))
		}
	}
	body := answerOf(series...)
	for name, c := range map[string]api.Client{"client": canned(body), "shortcut": newShortcut(canned(body), &http.Client{Transport: canned(body)})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				into := &plain{}
				ctx := context.WithValue(context.Background(), plainKey{}, into)
				v, _, _, err := v1.NewAPI(c).QueryRange(ctx, "x", v1.Range{Step: time.Second})
				if err != nil || len(v.(model.Matrix))+len(into.matrix) != 39 {
					b.Fatal(v, err)
				}
			}
		})
	}
}

package cloudwatchtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// The credentials that are set for the test.
const (
	AccessKey = "AKIAFAKE0123456789AB"
	SecretKey = "fake-secret-key-0123456789"
)

// Fault is what goes wrong with calls.
type Fault struct {
	Status  int    // of an error
	Code    string // of an error
	Message string
	Result  string            // the StatusCode of every result on the last page
	Header  map[string]string // sent in any case
	Shift   time.Duration     // added to every time
	Drop    bool              // the last result is left out
	Slow    bool              // no answer until the caller gives up
	Body    []byte            // in place of the answer
	Loop    bool              // the same NextToken for ever
	Warning string            // a message of the whole answer
}

// Server is a fake of CloudWatch. Its fields are set before it is asked.
type Server struct {
	URL string
	// Page, where positive, is how many results there are on a page; a result is cut in
	// two halves there.
	Page int

	mu     sync.Mutex
	points map[string][]point // by namespace, name and dimensions
	known  map[string]Sample  // what was put, by the same
	calls  []Call
	fault  func(c Call) Fault
}

// Call is one call that was made.
type Call struct {
	Operation string
	Metrics   []string // as namespace:name{dimension="value"} statistic period
	Token     string
}

// point is a number of samples of one value.
type point struct {
	at    time.Time
	value float64
	n     float64
}

// New starts a server that ends with the test, and sets credentials for the SDK.
func New(t testing.TB) *Server {
	s := &Server{points: map[string][]point{}, known: map[string]Sample{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	for k, v := range map[string]string{ //nolint:gosec // of the fake, and good for nothing else
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(k, v)
	}
	s.URL = h.URL
	return s
}

// Sample is a number of samples of one value.
type Sample struct {
	Namespace, Name string
	Dims            map[string]string
	At              time.Time
	Value           float64
	N               float64 // 0 means one
}

// Put reports samples.
func (s *Server) Put(x Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.N == 0 {
		x.N = 1
	}
	key := keyOf(x.Namespace, x.Name, x.Dims)
	s.points[key] = append(s.points[key], point{x.At, x.Value, x.N})
	s.known[key] = x
}

// Fail makes calls go wrong as fault says; nil ends it.
func (s *Server) Fail(fault func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Calls returns the calls so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// keyOf writes a metric as the fake knows it: dimensions sorted, all of them.
func keyOf(space, name string, dims map[string]string) string {
	var out []string
	for k, v := range dims {
		out = append(out, fmt.Sprintf("%s=%q", k, v))
	}
	slices.Sort(out)
	return space + ":" + name + "{" + strings.Join(out, ",") + "}"
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	op, ok := strings.CutPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/")
	switch {
	case !ok || r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || r.Header.Get("Content-Type") != "application/cbor":
		refuse(w, Fault{Status: 400, Code: "UnknownOperationException", Message: "this is not RPC v2 CBOR: " + r.URL.Path})
		return
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+AccessKey+"/"):
		refuse(w, Fault{Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	v, err := cbor.Decode(body)
	in, ok := v.(cbor.Map)
	if err != nil || !ok {
		refuse(w, Fault{Status: 400, Code: "SerializationException", Message: "the body is not a map in CBOR"})
		return
	}
	c := Call{Operation: op, Token: text(in["NextToken"])}
	for _, q := range queriesOf(in) {
		c.Metrics = append(c.Metrics, strings.TrimSpace(q.key+" "+q.stat+" "+strconv.Itoa(int(q.period/time.Second))+q.expression))
	}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	var fault Fault
	if s.fault != nil {
		fault = s.fault(c)
	}
	s.mu.Unlock()
	s.answer(w, r, in, fault)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, in cbor.Map, fault Fault) {
	for k, v := range fault.Header {
		w.Header().Set(k, v)
	}
	switch {
	case fault.Slow:
		<-r.Context().Done()
	case fault.Status != 0:
		refuse(w, fault)
	case fault.Body != nil:
		_, _ = w.Write(fault.Body)
	case strings.HasSuffix(r.URL.Path, "/ListMetrics"):
		_, _ = w.Write(cbor.Encode(s.listed(in)))
	case strings.HasSuffix(r.URL.Path, "/GetMetricData"):
		_, _ = w.Write(cbor.Encode(s.data(in, fault)))
	default:
		refuse(w, Fault{Status: 400, Code: "UnknownOperationException", Message: r.URL.Path})
	}
}

func refuse(w http.ResponseWriter, f Fault) {
	w.WriteHeader(f.Status)
	_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + f.Code), "message": cbor.String(f.Message)}))
}

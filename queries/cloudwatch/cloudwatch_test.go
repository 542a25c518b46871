package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/cloudwatch/cloudwatchtest"
)

func epoch() time.Time { return time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC) }

func window(blocks int) queries.Window {
	return queries.Window{Start: epoch(), End: epoch().Add(time.Duration(blocks) * time.Minute), Block: time.Minute}
}

func at(b, s int) time.Time {
	return epoch().Add(time.Duration(b)*time.Minute + time.Duration(s)*time.Second)
}

func open(t *testing.T, s *cloudwatchtest.Server, edit func(*Config)) *Source {
	t.Helper()
	c := Config{Name: "cw", Region: "eu-west-1", URL: s.URL}
	if edit != nil {
		edit(&c)
	}
	src, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	return src
}

// reading understands a query, narrowed to a target group where one is given.
func reading(t *testing.T, expr, group string) queries.Reading {
	t.Helper()
	q := queries.Query{Lang: queries.CloudWatch, Expr: expr}
	if group != "" {
		var err error
		if q, err = q.Scoped([]queries.Matcher{{Label: "TargetGroup", Op: queries.Equal, Value: group}}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := queries.Understand(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ask(t *testing.T, s *Source, expr, group string, w queries.Window) (queries.Frame, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.Blocks(ctx, reading(t, expr, group), w)
}

func text(f queries.Frame) string {
	var out []string
	for _, p := range f.Processes {
		if p.V != nil {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v", p.Name, []float64(p.V))))
			continue
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v/%v", p.Name, []float64(p.X), []float64(p.N))))
	}
	for _, n := range f.Notes {
		out = append(out, string(n.Code))
	}
	return strings.Join(out, " ")
}

const (
	elb        = "AWS/ApplicationELB"
	errorShare = `Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count{LoadBalancer="app/shop/1"}) / Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`
	requests   = `Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`
)

func dims(group string) map[string]string {
	return map[string]string{"LoadBalancer": "app/shop/1", "TargetGroup": group}
}

// shop is a load balancer with a blue and a green target group.
func shop(t *testing.T) *cloudwatchtest.Server {
	s := cloudwatchtest.New(t)
	put := func(name, group string, at time.Time, value, n float64) {
		s.Put(cloudwatchtest.Sample{Namespace: elb, Name: name, Dims: dims(group), At: at, Value: value, N: n})
	}
	for b := -3; b < 5; b++ {
		put("RequestCount", "blue", at(b, 10), 1, 60)
		put("RequestCount", "blue", at(b, 50), 1, 40)
		put("TargetResponseTime", "blue", at(b, 10), 0.1, 93)
		put("TargetResponseTime", "blue", at(b, 20), 0.8, 7)
	}
	put("HTTPCode_Target_5XX_Count", "blue", at(1, 59), 1, 5)
	put("HTTPCode_Target_5XX_Count", "blue", at(4, 0), 1, 7)
	put("RequestCount", "green", at(1, 0), 1, 10)
	return s
}

func TestCounts(t *testing.T) {
	s := shop(t)
	for b := range 3 {
		for k, v := range map[string]float64{"Invocations": 100, "Errors": 3} {
			s.Put(cloudwatchtest.Sample{Namespace: "AWS/Lambda", Name: k, At: at(b, 1), Value: 1, N: v,
				Dims: map[string]string{"FunctionName": "pay", "Resource": "pay:live", "ExecutedVersion": "7"}})
		}
		s.Put(cloudwatchtest.Sample{Namespace: "Shop", Name: "orders", At: at(b, 1), Value: 1, N: 20})
		s.Put(cloudwatchtest.Sample{Namespace: "AWS/ECS", Name: "CPUUtilization", At: at(b, 1), Value: 0.25, Dims: map[string]string{"ClusterName": "c", "ServiceName": "s"}})
	}
	for b := range 2 { // of three blocks, and errors in none
		s.Put(cloudwatchtest.Sample{Namespace: "AWS/ApiGateway", Name: "Count", At: at(b, 1), Value: 1, N: 50, Dims: map[string]string{"ApiName": "shop", "Stage": "green"}})
	}
	s.Put(cloudwatchtest.Sample{Namespace: "AWS/ApiGateway", Name: "5XXError", At: at(0, 1), Value: 1, N: 4, Dims: map[string]string{"ApiName": "shop", "Stage": "blue"}})
	s.Put(cloudwatchtest.Sample{Namespace: "Shop", Name: "failed", At: at(-500, 1), Value: 1})
	src := open(t, s, nil)
	for _, tt := range []struct{ name, query, group, want string }{
		{"share", errorShare, "blue", "[0 5 0]/[100 100 100]"},
		{"no errors are none where requests are, and only there", errorShare, "green", "[NaN 0 NaN]/[NaN 10 NaN]"},
		{"no traffic", errorShare, "red", ""},
		{"another set of dimensions is another metric", requests, "", ""},
		{"rank", `PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`, "blue", "[7 7 7]/[100 100 100]"},
		{"rank below", `100 - PR(:0.5)(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`, "blue", "[7 7 7]/[100 100 100]"},
		{"percentile", `p99(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`, "blue", "[0.8 0.8 0.8]"},
		{"arithmetic", `1000 * p50(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`, "blue", "[100 100 100]"},
		{"alias", `Sum(AWS/Lambda:Errors{FunctionName="pay",Resource="pay:live",ExecutedVersion="7"}) / Sum(AWS/Lambda:Invocations{FunctionName="pay",Resource="pay:live",ExecutedVersion="7"})`, "", "[3 3 3]/[100 100 100]"},
		{"ecs", `Average(AWS/ECS:CPUUtilization{ClusterName="c",ServiceName="s"})`, "", "[0.25 0.25 0.25]"},
		{"stage", `Sum(AWS/ApiGateway:5XXError{ApiName="shop",Stage="green"}) / Sum(AWS/ApiGateway:Count{ApiName="shop",Stage="green"})`, "", "[0 0 NaN]/[50 50 NaN]"},
		{"a name that is listed", `Sum(Shop:failed) / Sum(Shop:orders)`, "", "[0 0 0]/[20 20 20]"},
		{"a name that is not", `Sum(Shop:faild) / Sum(Shop:orders)`, "", "[0 0 0]/[20 20 20] never-seen"},
	} {
		f, err := ask(t, src, tt.query, tt.group, window(3))
		if got := text(f); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
		if err := f.Validate(); err != nil || f.Window != window(3) {
			t.Errorf("%s: got window %v, %v", tt.name, f.Window, err)
		}
	}
}

// TestZerosOfWhatCannotBe ensures that a silent numerator is 0 only where CloudWatch could
// have counted anything under its name and dimensions.
func TestZerosOfWhatCannotBe(t *testing.T) {
	for _, page := range []int{0, 1} {
		s := shop(t)
		s.Page = page
		put := func(space, name string, dims map[string]string) {
			s.Put(cloudwatchtest.Sample{Namespace: space, Name: name, Dims: dims, At: at(-400, 1), Value: 1})
		}
		put(elb, "HTTPCode_ELB_5XX_Count", map[string]string{"LoadBalancer": "app/shop/1"}) // as AWS publishes it
		for b, failed := range map[int]float64{2: 40, 3: 41} {                              // one connection more than requests
			s.Put(cloudwatchtest.Sample{Namespace: elb, Name: "RequestCount", Dims: dims("dead"), At: at(b, 1), Value: 1, N: 40})
			s.Put(cloudwatchtest.Sample{Namespace: elb, Name: "TargetConnectionErrorCount", Dims: dims("dead"), At: at(b, 1), Value: 1, N: failed})
		}
		put("Shop", "failed", map[string]string{"Version": "v1"})
		put("Shop", "failed", map[string]string{"Version": "v1", "Zone": "a"})
		for b := range 2 {
			s.Put(cloudwatchtest.Sample{Namespace: "Shop", Name: "orders", Dims: map[string]string{"Version": "v2"}, At: at(b, 1), Value: 20})
		}
		src := open(t, s, nil)
		const all = ` / Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`
		const zeros, never = "[0 0]/[100 100]", "[0 0]/[100 100] never-seen"
		for _, tt := range []struct{ name, query, group, want string }{
			{"no connection failed", `Sum(AWS/ApplicationELB:TargetConnectionErrorCount{LoadBalancer="app/shop/1"})` + all, "blue", zeros},
			{"a dead target is counted by its connections", `(Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count{LoadBalancer="app/shop/1"}) + Sum(AWS/ApplicationELB:TargetConnectionErrorCount{LoadBalancer="app/shop/1"}))` + all, "dead", "[40 NaN]/[40 NaN] not-a-number"},
			{"of a load balancer, asked of a target group", `Sum(AWS/ApplicationELB:HTTPCode_ELB_5XX_Count{LoadBalancer="app/shop/1"})` + all, "blue", never},
			{"another load balancer than the requests'", `Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count{LoadBalancer="app/shop/TYPO"})` + all, "blue", never},
			{"no load balancer", `Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count)` + all, "blue", never},
			{"a new version of what is listed", `Sum(Shop:failed{Version="v2"}) / Sum(Shop:orders{Version="v2"})`, "", "[0 0]/[20 20]"},
			{"another version than the orders'", `Sum(Shop:failed{Version="v3"}) / Sum(Shop:orders{Version="v2"})`, "", "[0 0]/[20 20] never-seen"},
			{"a dimension fewer than is listed", `Sum(Shop:failed) / Sum(Shop:orders{Version="v2"})`, "", "[0 0]/[20 20] never-seen"},
		} {
			w := window(1)
			w.Start, w.End = at(2, 0), at(4, 0)
			if strings.Contains(tt.query, "Shop:") {
				w = window(2)
			}
			f, err := ask(t, src, tt.query, tt.group, w)
			if got := text(f); err != nil || got != tt.want {
				t.Errorf("%s, pages of %d: got %q, %v, want %q", tt.name, page, got, err, tt.want)
			}
		}
	}
}

func TestSamplesWithoutARankAreAGap(t *testing.T) {
	s := shop(t)
	src := open(t, s, nil)
	whole, err := ask(t, src, `SampleCount(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`, "blue", window(1))
	if err != nil || text(whole) != "[]/[100]" {
		t.Fatalf("got %s, %v", text(whole), err)
	}
	got := rankedCount(queries.Column{queries.Gap(), 50, queries.Gap()}, queries.Column{10, 10, queries.Gap()})
	if fmt.Sprint([]float64(got)) != "[+Inf 5 NaN]" {
		t.Errorf("got %v, want a count that cannot be where there are samples and no rank", got)
	}
}

func TestALookIsOneCall(t *testing.T) {
	s := shop(t)
	src := open(t, s, func(c *Config) { c.Pause = 2 * time.Second })
	var wg sync.WaitGroup
	for _, q := range []string{errorShare, requests, `PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{LoadBalancer="app/shop/1"})`} {
		for _, g := range []string{"blue", "green"} {
			wg.Go(func() {
				if _, err := ask(t, src, q, g, window(3)); err != nil {
					t.Errorf("%s of %s: %v", q, g, err)
				}
			})
		}
	}
	wg.Wait()
	if calls := s.Calls(); len(calls) != 1 || len(calls[0].Metrics) != 8 {
		t.Errorf("got the calls %v, want one with 8 metrics: what several ask for is asked once", calls)
	}
}

func TestManyMetricsAreCut(t *testing.T) {
	s := cloudwatchtest.New(t)
	src := open(t, s, nil)
	var qs []question
	for i := range 1100 {
		name := fmt.Sprint("orders", i)
		s.Put(cloudwatchtest.Sample{Namespace: "Shop", Name: name, At: at(0, 1), Value: float64(i)})
		qs = append(qs, question{parts: []queries.Part{{Func: "Sum", Space: "Shop", Name: name}}})
	}
	got, err := src.ask(context.Background(), span{epoch(), at(2, 0), time.Minute}, qs)
	if err != nil || len(s.Calls()) != 3 {
		t.Fatalf("got %v in %d calls, want 1,100 metrics in 3", err, len(s.Calls()))
	}
	for i, a := range got {
		if len(a.columns) != 1 || a.columns[0][0] != float64(i) {
			t.Fatalf("question %d: got %v", i, a.columns)
		}
	}
	if _, err := ask(t, src, "Sum(Shop:orders1)", "", window(1500)); err != nil { // within the bound on points
		t.Error(err)
	}
}

func TestPages(t *testing.T) {
	s := shop(t)
	s.Page = 1
	src := open(t, s, nil)
	f, err := ask(t, src, errorShare, "blue", window(5))
	if err != nil || text(f) != "[0 5 0 0 7]/[100 100 100 100 100]" {
		t.Errorf("got %s, %v, want what is on all pages", text(f), err)
	}
	if n := len(s.Calls()); n != 4 || src.Calls() != 4 {
		t.Errorf("got %d calls, want the four pages of two halves each", n)
	}
	s.Page = 0
	s.Fail(func(cloudwatchtest.Call) cloudwatchtest.Fault { return cloudwatchtest.Fault{Loop: true} })
	if _, err := ask(t, src, requests, "blue", window(1)); err == nil || !strings.Contains(err.Error(), "round in a circle") && !strings.Contains(err.Error(), "two values") {
		t.Errorf("got %v, want pages that never end refused", err)
	}
}

func TestFaults(t *testing.T) {
	s := shop(t)
	for _, tt := range []struct {
		name  string
		fault cloudwatchtest.Fault
		want  string
		kind  queries.Fault
		after time.Duration
	}{
		{"throttled", cloudwatchtest.Fault{Status: 400, Code: "Throttling", Message: "Rate exceeded", Header: map[string]string{"Retry-After": "7"}}, "asked less often (Throttling): Rate exceeded", queries.Throttled, 7 * time.Second},
		{"forbidden", cloudwatchtest.Fault{Status: 403, Code: "AccessDenied", Message: "User: arn:aws:iam::1:user/x with key " + cloudwatchtest.AccessKey + " is not authorized"}, "with key *** is not authorized; they need cloudwatch:GetMetricData", queries.Rejected, 0},
		{"expired", cloudwatchtest.Fault{Status: 403, Code: "ExpiredToken", Message: "The security token is expired"}, "refuses these credentials (ExpiredToken)", queries.Rejected, 0},
		{"bad", cloudwatchtest.Fault{Status: 400, Code: "InvalidParameterValueException", Message: "Stat is bad"}, "refuses the question (InvalidParameterValueException): Stat is bad", queries.Rejected, 0},
		{"down", cloudwatchtest.Fault{Status: 500, Code: "InternalServiceError", Message: "oops"}, "it failed (InternalServiceError): oops", queries.Unavailable, 0},
		{"one is forbidden", cloudwatchtest.Fault{Result: "Forbidden"}, "may not read one of the metrics", queries.Rejected, 0},
		{"one is missing", cloudwatchtest.Fault{Drop: true}, "does not answer everything", queries.Malformed, 0},
		{"off the grid", cloudwatchtest.Fault{Shift: 17 * time.Second}, "not on the grid", queries.Malformed, 0},
		{"a message", cloudwatchtest.Fault{Warning: "too many"}, "did not answer all of it: MaxMetricsExceeded too many", queries.Rejected, 0},
		{"no CBOR", cloudwatchtest.Fault{Body: []byte("<html>")}, "cannot be read", queries.Malformed, 0},
		{"slow", cloudwatchtest.Fault{Slow: true}, "did not answer in time (its timeout is 200ms)", queries.Unavailable, 0},
	} {
		s.Fail(func(cloudwatchtest.Call) cloudwatchtest.Fault { return tt.fault })
		src := open(t, s, func(c *Config) {
			if tt.fault.Slow {
				c.Timeout = 200 * time.Millisecond
			}
		})
		_, err := ask(t, src, errorShare, "blue", window(2))
		var e *queries.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Fault != tt.kind || e.RetryAfter != tt.after {
			t.Errorf("%s: got %v (%+v), want %s with %q, again after %v", tt.name, err, e, tt.kind, tt.want, tt.after)
		}
		if err != nil && (strings.Contains(err.Error(), cloudwatchtest.AccessKey) || strings.Contains(err.Error(), cloudwatchtest.SecretKey)) {
			t.Errorf("%s: the error holds a key: %v", tt.name, err)
		}
	}
	for _, status := range []string{"PartialData", "InternalError", "SomethingNew"} {
		s.Fail(func(cloudwatchtest.Call) cloudwatchtest.Fault { return cloudwatchtest.Fault{Result: status} })
		f, err := ask(t, open(t, s, nil), errorShare, "blue", window(2))
		if err != nil || len(f.Notes) != 1 || f.Notes[0].Code != queries.NotePartial {
			t.Errorf("%s: got %v, %v, want the note that it is partial", status, f.Notes, err)
		}
	}
	s.Fail(nil)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open(t, s, nil).Blocks(gone, reading(t, errorShare, "blue"), window(2)); !errors.Is(err, context.Canceled) || queries.FaultOf(err) != queries.Unavailable {
		t.Errorf("got %v, want the caller's end as unavailable", err)
	}
}

func TestARefusedQuestionIsNobodyElses(t *testing.T) {
	s := shop(t)
	s.Fail(func(c cloudwatchtest.Call) cloudwatchtest.Fault {
		if strings.Contains(strings.Join(c.Metrics, " "), "Nonsense") {
			return cloudwatchtest.Fault{Status: 400, Code: "ValidationError", Message: "no"}
		}
		return cloudwatchtest.Fault{}
	})
	src := open(t, s, func(c *Config) { c.Pause = 300 * time.Millisecond })
	var wg sync.WaitGroup
	for _, q := range []string{requests, "Sum(Nonsense:a)", errorShare} {
		wg.Go(func() {
			_, err := ask(t, src, q, "blue", window(2))
			if bad := strings.Contains(q, "Nonsense"); bad != (err != nil && queries.FaultOf(err) == queries.Rejected) {
				t.Errorf("%s: got %v", q, err)
			}
		})
	}
	wg.Wait()
}

func TestRefusedBeforeAsking(t *testing.T) {
	s := shop(t)
	src := open(t, s, nil)
	w := queries.Window{Start: epoch(), End: at(3, 0), Block: 90 * time.Second}
	if _, err := src.Blocks(context.Background(), reading(t, requests, "blue"), w); err == nil || !strings.Contains(err.Error(), "no period of 1m30s") {
		t.Errorf("got %v, want a period that CloudWatch does not have refused", err)
	}
	r := queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "up"}}
	if _, err := src.Blocks(context.Background(), r, window(1)); err == nil || !strings.Contains(err.Error(), "language: cloudwatch") {
		t.Errorf("got %v, want PromQL refused", err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
	for _, c := range []Config{{}, {Region: "Europe"}, {Region: "eu-west-1", URL: "https://u:p@x"}, {Region: "eu-west-1", Timeout: -1}} {
		if fs := c.Check(); len(fs) != 1 {
			t.Errorf("%+v: got %v, want one fault", c, fs)
		}
		if _, err := New(c); err == nil {
			t.Errorf("%+v: got a source, want the fault", c)
		}
	}
	if fs := (Config{Region: "us-gov-west-1"}).Check(); len(fs) != 0 {
		t.Errorf("got %v, want a region of a partition taken", fs)
	}
}

func TestPing(t *testing.T) {
	s := shop(t)
	if err := open(t, s, nil).Ping(context.Background()); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAWRONGWRONGWRONG1")
	if err := open(t, s, nil).Ping(context.Background()); err == nil || queries.FaultOf(err) != queries.Rejected || strings.Contains(err.Error(), "AKIAWRONG") {
		t.Errorf("got %v, want a refusal without the key", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if err := open(t, s, nil).Ping(context.Background()); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("got %v, want it said that there are no credentials", err)
	}
}

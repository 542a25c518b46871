package checks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

func answer(t testing.TB, body string) checks.Answer {
	t.Helper()
	a := checks.Answer{
		Status: 200, Proto: "HTTP/2.0", Body: body, Latency: 120 * time.Millisecond,
		Headers: map[string]string{"content-type": "application/json", "set-cookie": "id=hunter2", "server": "nginx"},
		TLS:     &checks.TLS{DaysLeft: 12.25, Version: "1.3", Names: []string{"shop.example"}, Issuer: "Test"},
		Hidden:  []string{"sesame-1"},
	}
	v, err := checks.ReadJSON([]byte(body))
	if a.JSON = v; err != nil {
		a.NoJSON = err.Error()
	}
	return a
}

const order = `{"status":"ok","n":3,"big":9007199254740993,"none":null,"flag":true,"token":"hunter2","auth":{"token":"hunter2"},"echo":"sesame-1 it was",
"items":[{"name":"tea","price":4.5},{"name":"mug","price":9}],"by user":{"a-b":1},"empty":[]}`

func TestAssertions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`status == 200`, ""},
		{`status in [200, 201] && proto == "HTTP/2.0"`, ""},
		{`json.status == "ok" && json.n == 3 && json.n < 3.5`, ""},
		{`json.big == 9007199254740993`, ""},
		{`json.big != 9007199254740992`, ""},
		{`json.flag`, ""},
		{`json.none == nil`, ""},
		{`json["by user"]["a-b"] == 1`, ""},
		{`json.items[-1].name == "mug" && json.items[0].price == 4.5`, ""},
		{`len(json.items) == 2 && all(json.items, .price > 4)`, ""},
		{`all(json.items, any(json.items, .price > 4))`, ""},
		{`"status" in json && !("nope" in json)`, ""},
		{`headers["Content-Type"] startsWith "application/json" && headers.Server == "nginx"`, ""},
		{`"SERVER" in headers && not ("x-nope" in headers)`, ""},
		{`body contains "ok" && body matches "\"n\":\\d"`, ""},
		{`latency < duration("200ms")`, ""},
		{`latency.Milliseconds() == 120`, ""},
		{`tls.daysLeft > 7 && tls.version == "1.3" && "shop.example" in tls.names && tls.names[0] != ""`, ""},
		{`json("$.items[0].name") == "tea"`, ""},
		{`json("$.items[*].price") == [4.5, 9]`, ""},
		{`len(json("$..name")) == 2`, ""},
		{`let n = json.n; n > 2`, ""},

		{`status == 201`, `the assertion status == 201 does not hold: status is 200`},
		{`json.status == "up"`, `the assertion json.status == "up" does not hold: json.status is "ok"`},
		{`json.items[1].price < 5`, `does not hold: json.items[1].price is 9`},
		{`any(json.items, .price > 10)`, `does not hold: json.items is [{"name":"tea","price":4.5},{"name":"mug","price":9}], an element.price is 4.5, an element.price is 9`},
		{`latency < duration("100ms")`, `does not hold: latency is 120ms`},
		{`tls.daysLeft > 14`, `does not hold: tls.daysLeft is 12.25`},
		{`headers.server == "envoy"`, `does not hold: header server is "nginx"`},
		{`json("$.items[0].name") == "x"`, `does not hold: $.items[0].name is "tea"`},
		{`body contains "nope"`, `does not hold: body is "{\"status\":\"ok\"`},

		// What is missing fails, whatever it is compared with.
		{`json.state != "bad"`, `the assertion json.state != "bad" fails: json has no key "state"`},
		{`json.status.code != 1`, `fails: json.status is text, and has no key "code"`},
		{`json.none.a != 1`, `fails: json.none is null, and has no key "a"`},
		{`json.items[2].name != "x"`, `fails: json.items has no element 2; it has 2`},
		{`json.items.first != 1`, `fails: json.items is a list, and has no key "first"`},
		{`all(json.items, .cost != 1)`, `fails: an element has no key "cost"`},
		{`(json.nope ?? 1) == 1`, `fails: json has no key "nope"`},
		{`json("$.nope") != 1`, `fails: $.nope is not in the answer's JSON`},
		{`headers["x-version"] != "v1"`, `fails: the answer has no header x-version`},
		{`json.status`, `the assertion json.status fails: it gives neither true nor false`},
		{`json`, `fails: it gives neither true nor false`},
		{`split(json.status, "k")[7] == "x"`, `has no element 7; it has 2`},

		// Credentials stay out of the sentence.
		{`json.token == "x"`, `the assertion json.token == "x" does not hold: json.token is (hidden)`},
		{`headers["set-cookie"] == ""`, `does not hold: header set-cookie is (hidden)`},
		{`json.echo == "x"`, `does not hold: json.echo is "(hidden) it was"`},
		{`json.auth == nil`, `does not hold: json.auth is {"token":(hidden)}`},
		{`json == nil`, `does not hold: json is {"auth":{"token":(hidden)},"big":`},
	} {
		a, err := checks.CompileAssertion(c.text)
		if err != nil {
			t.Errorf("%s: got error %v, want none", c.text, err)
			continue
		}
		got := a.Check(t.Context(), answer(t, order))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
		if strings.Contains(got, "hunter2") || strings.Contains(got, "sesame") || len(got) > 800 {
			t.Errorf("%s: got %q, which shows a credential or is too long", c.text, got)
		}
	}
}

// TestExcerptsHideWhatLooksLikeACredential is the table of forms in which servers say
// credentials.
func TestExcerptsHideWhatLooksLikeACredential(t *testing.T) {
	for text, want := range map[string]string{
		`{"tokens":["tok-1","tok-2"],"n":1}`:                      `{"tokens":(hidden),"n":1}`,
		`{"session":{"id":"4","refresh":"zzz98765"},"n":1}`:       `{"session":(hidden),"n":1}`,
		`{"session":{"of":{"id":"4"},"refresh":"zzz98765"}}`:      `{"session":(hidden)}`,
		`{"session":{"of":{"id":"zzz98765`:                        `{"session":(hidden)`,
		`{"jwt":"abc","pwd":"def"}`:                               `{"jwt":(hidden),"pwd":(hidden)}`,
		`sid=abc; path=/`:                                         `sid=(hidden); path=/`,
		`<input type="hidden" name="csrf_token" value="a b c">`:   `<input type="hidden" name="csrf_token" value=(hidden)>`,
		`<input name=csrf value='abc' /><input name=q value="x">`: `<input name=csrf value=(hidden) /><input name=q value="x">`,
		`inside: 5, resides: 6`:                                   `inside: 5, resides: 6`,
	} {
		if got := checks.Inert(text, 200, nil); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAssertionsOfAnswersThatLackThings(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		change     func(*checks.Answer)
	}{
		"no TLS":  {`tls.daysLeft > 1 || true`, "fails: the answer did not come over TLS", func(a *checks.Answer) { a.TLS = nil }},
		"no JSON": {`json == nil || true`, "fails: the body is no JSON: it is empty", func(a *checks.Answer) { a.JSON, a.NoJSON = nil, "it is empty" }},
		"a body that is too long": {`not (body contains "error")`, "fails: the body is more than 1 MiB", func(a *checks.Answer) {
			a.Body, a.Cut = "", "the body is more than 1 MiB"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := checks.CompileAssertion(c.text)
			if err != nil {
				t.Fatal(err)
			}
			of := answer(t, order)
			c.change(&of)
			if got := a.Check(t.Context(), of); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`status == "200"`, `at character 8: invalid operation: == (mismatched types int and string)`},
		{`stat == 200`, `at character 1: unknown name stat; an assertion speaks of status, headers`},
		{`status`, `expected bool, but got int; an assertion must give true or false`},
		{`status ==`, `at character 9: unexpected token EOF`},
		{`tls.dayLeft > 7`, `at character 5: tls has no dayLeft; it has daysLeft`},
		{`latency < 300`, `write a latency as duration("300ms")`},
		{`body matches "("`, "missing closing )"},
		{"status == 200 &&\nbdy == 1", "at line 2, character 1: unknown name bdy"},
		{`json?.a != 1`, `at character 7: ?. would make nothing of a missing key`},
		{`get(json, "a") != 1`, "get() makes nothing"},
		{`first(json.items) != 1`, "first() makes nothing"},
		{`find(json.items, .a) != 1`, "find() makes nothing"},
		{`now().Year() > 1`, "now() is not known here"},
		{`__document() == nil`, "unknown name __document"},
		{`$env["status"] == 1`, "unknown name $env"},
		{`json("a.b") == 1`, "at character 6: a path begins with $"},
		{`json("$[?(@.x == 1)]") == 1`, "for conditions write filter"},
		{`json("$..a..b") == 1`, "one .."},
		{`json("$[") == 1`, "cannot be read"},
		{`json(body) == 1`, "json() takes one path"},
		{`json() == 1`, "json() takes one path"},
		{strings.Repeat("status == 200 && ", 200) + "true", "bytes long; write at most 2000"},
	} {
		_, err := checks.CompileAssertion(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}

// TestAssertionEnds ensures that an answer cannot keep an assertion busy.
func TestAssertionEnds(t *testing.T) {
	a, err := checks.CompileAssertion(`all(json, all(json, # >= 0))`)
	if err != nil {
		t.Fatal(err)
	}
	of := answer(t, "["+strings.Repeat("1,", 20000)+"1]")
	if got := a.Check(t.Context(), of); !strings.Contains(got, "it looks at more than 1000000 elements") {
		t.Errorf("got %q, want the bound", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := a.Check(ctx, of); !strings.Contains(got, "no time left") {
		t.Errorf("got %q, want the end of the time", got)
	}
}

func FuzzAssertion(f *testing.F) {
	for _, s := range []string{`json.items[0].price > 1`, `json("$..name") == 1`, `headers.x == "" || "a" in headers`, `all(json.items, .a in tls.names)`, `let a = json; a`, `#`, `json?.a`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := checks.CompileAssertion(text)
		if err != nil {
			if err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("got error %q, want one line", err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if got := a.Check(ctx, answer(t, order)); strings.Contains(got, "hunter2") && !strings.Contains(text, "hunter2") || len([]rune(got)) > 700 {
			t.Errorf("%q: got %q, which shows a credential or is too long", text, got)
		}
	})
}

func ExampleAssertion_Check() {
	a, err := checks.CompileAssertion(`json.stock > 0`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Check(context.Background(), checks.Answer{JSON: map[string]any{"stock": 0}}))
	// Output: the assertion json.stock > 0 does not hold: json.stock is 0
}

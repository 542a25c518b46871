package webhooks

import (
	"strings"
	"testing"
	"time"
)

func TestHashes(t *testing.T) {
	secret := NewSecret()
	if !generatedToken.MatchString(secret) || secret == NewSecret() {
		t.Fatalf("got %q, want new tokens of the known form", secret)
	}
	text := HashToken(secret).String()
	if strings.Contains(text, secret) || HashToken(secret).String() == text {
		t.Errorf("got %q, want a salted hash without the token", text)
	}
	h, err := ParseHash(text)
	if err != nil || h.String() != text {
		t.Fatalf("got %v %v, want what was written", h, err)
	}
	for _, wrong := range []string{"", secret, "sha256$", "sha256$a$b", "md5" + strings.TrimPrefix(text, "sha256"), text + "$", text[:len(text)-1], text + "=", " " + text} {
		if _, err := ParseHash(wrong); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v, want a refusal that does not repeat it", wrong, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(HashToken("x").String())
	f.Add("sha256$$")
	f.Add("sha256$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := ParseHash(text); err == nil && h.String() != text {
			t.Errorf("%q is read as %q: one hash can be written in two ways", text, h)
		}
	})
}

func TestTokensAreFoundByTheirSecret(t *testing.T) {
	now := start()
	secret, chosen := NewSecret(), "a password that somebody chose"
	parse := func(token string) Hash {
		h, err := ParseHash(HashToken(token).String())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	ts := tokens{
		{Name: "signing", Signing: []byte("x")},
		{Name: "old", Hash: parse(secret), Expires: now},
		{Name: "new", Hash: parse(secret)},
		{Name: "next", Hash: parse(secret), NotBefore: now.Add(time.Hour)},
		{Name: "guessable", Hash: parse(chosen)},
		{Name: "file", Hash: HashToken("from-a-file")},
	}
	for given, want := range map[string]string{
		secret: "new", chosen: "", "from-a-file": "file", "": "", "x": "", secret + "x": "", secret[:48]: "", ts[2].Hash.String(): "",
	} {
		got := ""
		if found := ts.bySecret(given, now); found != nil {
			got = found.Name
		}
		if got != want {
			t.Errorf("%q: got token %q, want %q", given, got, want)
		}
	}
	if found := ts[:2].bySecret(secret, now); found == nil || found.Name != "old" {
		t.Errorf("got %v, want the expired token, so that its holder can be told", found)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Token){
		"":                                    func(*Token) {},
		"the name \"\" is none":               func(tk *Token) { tk.Name = "" },
		"is none; write up to 63":             func(tk *Token) { tk.Name = "a\nb" },
		"exactly one credential":              func(tk *Token) { tk.Hash = Hash{} },
		"needs exactly one":                   func(tk *Token) { tk.Certificate = "CN=a" },
		"it needs at least 24":                func(tk *Token) { tk.Hash, tk.Signing = Hash{}, []byte("short") },
		"cannot have the rights override and": func(tk *Token) { tk.Hash, tk.Signing = Hash{}, make([]byte, 24) },
		"expires before it begins":            func(tk *Token) { tk.NotBefore, tk.Expires = start(), start() },
		"namespaces: name those":              func(tk *Token) { tk.Namespaces = nil },
		`namespaces: "[a" is no pattern`:      func(tk *Token) { tk.Namespaces = []string{"[a"} },
		`namespaces: "" is no pattern`:        func(tk *Token) { tk.Namespaces = []string{""} },
		"callers: name who":                   func(tk *Token) { tk.Callers = nil },
		`callers: "fluger" is none`:           func(tk *Token) { tk.Callers = []string{"fluger"} },
		"allow: name what":                    func(tk *Token) { tk.Allow = nil },
		`allow: "all" is no right`:            func(tk *Token) { tk.Allow = []Right{"all"} },
	} {
		tk := FullToken("name", "secret")
		change(&tk)
		err := tk.Check()
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if faults := checkTokens(make([]Token, maxTokens+1)); len(faults) != maxTokens+2 {
		t.Errorf("got %d faults, want every token's and their number", len(faults))
	}
}

func TestNamespaces(t *testing.T) {
	for _, c := range []struct {
		pattern, namespace string
		want               bool
	}{
		{"shop", "shop", true}, {"shop", "shop2", false}, {"shop", "Shop", false}, {"team-*", "team-a", true}, {"team-*", "team-", true},
		{"team-*", "steam-a", false}, {"*", "any/thing", true}, {"*", "", true}, {"?*", "", false}, {"team-*", "team-a/b", false}, {"", "", false},
	} {
		tk := Token{Namespaces: []string{"none", c.pattern}}
		if got := tk.inside(c.namespace); got != c.want {
			t.Errorf("%q in %q: got %v, want %v", c.namespace, c.pattern, got, c.want)
		}
	}
}

func TestTokensAreExchanged(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tokens = []Token{FullToken("team", "old-token"), FullToken("team", "new-token")}
	})
	try := func(token string, code int) {
		t.Helper()
		w.want(w.as(token, "GET", "/v1/rollouts", ""), code)
	}
	try("old-token", 200)
	try("new-token", 200)
	if err := w.server.Accept([]Token{FullToken("team", "new-token")}); err != nil {
		t.Fatal(err)
	}
	try("old-token", 401)
	try("new-token", 200)
	for _, wrong := range [][]Token{nil, {{}}} {
		if err := w.server.Accept(wrong); err == nil {
			t.Errorf("got %v accepted, want it refused", wrong)
		}
	}
	try("new-token", 200)
	if err := newWorld(t).server.Accept([]Token{FullToken("a", "b")}); err == nil {
		t.Error("got a first token at run time, want it refused: the listener was opened without any")
	}
}

func TestTokensHaveTheirTime(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		late, early := FullToken("late", "late-token"), FullToken("early", "early-token")
		late.Expires, early.NotBefore = start().Add(time.Hour), start().Add(time.Minute)
		c.Tokens = []Token{late, early}
	})
	w.want(w.as("late-token", "GET", "/v1/rollouts", ""), 200)
	if a := w.want(w.as("early-token", "GET", "/v1/rollouts", ""), 401); !strings.Contains(a.body, "cannot be used yet") {
		t.Errorf("got %s, want why", a.body)
	}
	w.clock.add(time.Hour)
	w.want(w.as("early-token", "GET", "/v1/rollouts", ""), 200)
	// A hook is refused in the same words, though its token could be in its body.
	if a := w.want(w.as("late-token", "POST", "/flagger/rollout", flaggerIn("shop", "")), 401); !strings.Contains(a.body, "the token late has expired") {
		t.Errorf("got %s, want why", a.body)
	}
	if a := w.want(w.as("no-token-at-all", "POST", "/flagger/rollout", flaggerIn("shop", "")), 401); !strings.Contains(a.body, "no accepted token") {
		t.Errorf("got %s, want that it is none", a.body)
	}
	if a := w.want(w.as("late-token", "GET", "/v1/rollouts", ""), 401); !strings.Contains(a.body, "the token late has expired") {
		t.Errorf("got %s, want why", a.body)
	}
}

package checks_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

const hunter = `hunter2<&"ü>PASS/word+x`

// spelt are the ways in which a server may give a secret back.
var spelt = map[string]func(string) string{
	"as it is":         func(s string) string { return s },
	"capitals":         strings.ToUpper,
	"small letters":    strings.ToLower,
	"base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 for URLs":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 after one": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u" + s + "v")) },
	"base64 after two": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u:" + s)) },
	"base64 in a document": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"user":"bob","password":"` + s + `"}`))
	},
	"hexadecimal":           func(s string) string { return hex.EncodeToString([]byte(s)) },
	"capital hexadecimal":   func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"JSON":                  func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"HTML":                  html.EscapeString,
	"a query":               url.QueryEscape,
	"a path":                url.PathEscape,
	"Go":                    func(s string) string { return fmt.Sprintf("%q", s) },
	"its first nine":        func(s string) string { return s[:9] },
	"its last nine":         func(s string) string { return s[len(s)-9:] },
	"cut after four":        func(s string) string { return "user=bob&x=" + s[:4] + "…" },
	"cut base64 after four": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s))[:4] + "…" },
	"twice":                 func(s string) string { return s + s },
}

// leaks reports whether four bytes running of a spelling are in a text.
func leaks(text, spelling string) bool {
	text, spelling = strings.ToLower(text), strings.ToLower(spelling)
	for i := 0; i+4 <= len(spelling); i++ {
		if strings.Contains(text, spelling[i:i+4]) {
			return true
		}
	}
	return false
}

func TestVeil(t *testing.T) {
	for name, spell := range spelt {
		t.Run(name, func(t *testing.T) {
			v := &checks.Veil{}
			v.Learn(hunter)
			said := "is " + spell(hunter) + " it"
			got := v.Hide(said)
			if strings.Contains(strings.ToLower(got), "hunt") || got == said || !strings.HasPrefix(got, "is ") || !strings.HasSuffix(got, " it") {
				t.Errorf("got %q of %q", got, said)
			}
			if plain := (&checks.Veil{}).Hide(said); plain != said {
				t.Errorf("got %q of a veil that knows nothing, want %q", plain, said)
			}
		})
	}
}

func TestVeilOfShortSecrets(t *testing.T) {
	for before := range 4 {
		v := &checks.Veil{}
		v.Learn("qz7wü")
		said := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", before) + "qz7wü and more"))
		if got := v.Hide(said); !strings.Contains(got, "(hidden)") {
			t.Errorf("after %d bytes: got %q", before, got)
		}
	}
}

func TestVeilLeavesTheRest(t *testing.T) {
	v := &checks.Veil{}
	v.Learn("abc", "hunter2", "pässword")
	for text, want := range map[string]string{
		"":                            "",
		"abc":                         "abc", // too short to be told from words
		"answered 200, want 201":      "answered 200, want 201",
		"hunter2":                     "(hidden)",
		"xhunter2hunter2y":            "x(hidden)y",
		"hunter and 2":                "hunter and 2",
		"a pässword\xff!":             "a (hidden)!",
		"token h… and hu… and hunte…": "token h… and hu… and (hidden)…",
	} {
		if got := v.Hide(text); got != want {
			t.Errorf("got %q of %q, want %q", got, text, want)
		}
	}
	if got := (*checks.Veil)(nil).Hide("hunter2"); got != "hunter2" {
		t.Errorf("got %q of no veil", got)
	}
}

func FuzzVeil(f *testing.F) {
	f.Add("hunter2hunter2", "said hunter2hunter2 and aHVudGVyMmh1bnRlcjI=")
	f.Add("üüüü", "\xc3üüü…")
	f.Fuzz(func(t *testing.T, secret, text string) {
		v := &checks.Veil{}
		v.Learn(secret)
		got := v.Hide(text)
		const placeholder = "(hidden)"
		if len(secret) >= 8 && strings.Contains(got, secret) && secret != placeholder {
			t.Errorf("got %q of %q, which shows %q", got, text, secret)
		}
		if (&checks.Veil{}).Hide(text) != text {
			t.Errorf("a veil that knows nothing changed %q", text)
		}
	})
}

func known(_ checks.Target, name string) (string, error) {
	switch name {
	case "shop":
		return hunter, nil
	case "pin":
		return "123", nil
	}
	return "", errors.New("is not known here; add it under secrets: in the configuration")
}

// filling is a runner that fills in a text and says what it sent.
func filling(text string, say func(sent string) string) checks.Runner {
	return checks.RunnerFunc(func(_ context.Context, _ checks.Spec, t checks.Target) checks.Result {
		sent, err := checks.Fill("header X", text, t)
		if err != nil {
			return checks.Result{Status: checks.Broken, Reason: err.Error()}
		}
		said := say(sent)
		return checks.Result{Status: checks.Failed, Reason: "said " + said, Steps: []checks.StepResult{{Name: "a", Reason: said}}}
	})
}

// TestSecretsAreUsedAndNeverShown ensures that a secret reaches the server, and that
// nothing of what the run leaves shows it, however it is spelt.
func TestSecretsAreUsedAndNeverShown(t *testing.T) {
	for name, spell := range spelt {
		for _, on := range []checks.Arms{checks.OnCanary, checks.OnBoth} {
			sent := make(chan string, 4)
			r := checks.WithSecrets(known, checks.Kinds{"tcp": filling(`{{ secret "shop" }}`, func(s string) string {
				sent <- s
				return spell(s)
			})})
			got := r.Run(t.Context(), checks.Spec{Name: "home", TCP: &checks.TCP{}, Arms: on, Repeat: 2}, checks.Target{})
			if s := <-sent; s != hunter {
				t.Fatalf("%s: got %q filled in, want the secret", name, s)
			}
			all, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if text := string(all); strings.Contains(strings.ToLower(text), "hunt") || leaks(text, base64.StdEncoding.EncodeToString([]byte(hunter))) || !strings.Contains(text, "(hidden)") {
				t.Errorf("%s on %s: got %s", name, on, text)
			}
		}
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	shown := func(s string) string { return s }
	for name, c := range map[string]struct {
		from checks.Secrets
		text string
		says string
	}{
		"none known": {nil, `{{ secret "shop" }}`, `its header X cannot be filled in: the secret "shop" is wanted, and none are known here; add it under secrets:`},
		"missing":    {known, `{{ secret "other" }}`, `its header X cannot be filled in: the secret "other" is not known here; add it under secrets:`},
		"too short":  {known, `{{ secret "pin" }}`, `"pin" has 3 bytes`},
	} {
		got := checks.WithSecrets(c.from, checks.Kinds{"tcp": filling(c.text, shown)}).Run(t.Context(), checks.Spec{TCP: &checks.TCP{}}, checks.Target{})
		if got.Status != checks.Broken || !strings.Contains(got.Reason, c.says) || strings.Contains(got.Reason, "template:") {
			t.Errorf("%s: got %s: %s\nwant broken: %s", name, got.Status, got.Reason, c.says)
		}
	}
}

// TestSecretsAreNoFacts ensures that no text reaches secrets but by their names.
func TestSecretsAreNoFacts(t *testing.T) {
	for _, text := range []string{"{{ .secrets }}", "{{ .veil }}", "{{ . }}", `{{ printf "%+v" . }}`, "{{ .Veil }}"} {
		got := checks.WithSecrets(known, checks.Kinds{"tcp": filling(`{{ secret "shop" }}`+text, func(s string) string { return s })}).
			Run(t.Context(), checks.Spec{TCP: &checks.TCP{}}, checks.Target{})
		if strings.Contains(strings.ToLower(got.Reason), "hunt") {
			t.Errorf("%s: got %s", text, got.Reason)
		}
	}
}

func TestBasic(t *testing.T) {
	r := checks.WithSecrets(known, checks.Kinds{"tcp": filling(`{{ basic "bob" (secret "shop") }}`, func(s string) string {
		if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("bob:"+hunter)); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
		return s
	})})
	if got := r.Run(t.Context(), checks.Spec{TCP: &checks.TCP{}}, checks.Target{}); !strings.Contains(got.Reason, "said Basic ") || leaks(got.Reason, base64.StdEncoding.EncodeToString([]byte("xxxx" + hunter))[6:]) {
		t.Errorf("got %s", got.Reason)
	}
}

func TestQuotesOfJSON(t *testing.T) {
	r := checks.WithSecrets(known, checks.Kinds{"tcp": filling(`{"password": {{ json (secret "shop") }}}`, func(s string) string {
		var got struct{ Password string }
		if err := json.Unmarshal([]byte(s), &got); err != nil || got.Password != hunter {
			t.Errorf("got %s, %v, want a document with the secret in it", s, err)
		}
		return s
	})})
	if got := r.Run(t.Context(), checks.Spec{TCP: &checks.TCP{}}, checks.Target{}); !strings.Contains(got.Reason, "(hidden)") || strings.Contains(got.Reason, "hunt") {
		t.Errorf("got %s", got.Reason)
	}
}

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{"shop": true, "shop.token-2_x": true, "": false, "-a": false, "a/b": false, "../x": false, "a b": false, strings.Repeat("a", 64): false} {
		if checks.SecretName(name) != want {
			t.Errorf("%q: got %v, want %v", name, !want, want)
		}
	}
}

package app

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/webhooks"
)

func TestTokensThatAreRefusedSayWhereAndNotWhat(t *testing.T) {
	const sentinel = "Sentinel-0123456789-abcdef"
	scope := `namespaces: ["*"], callers: ["*"], allow: [judge]`
	for text, want := range map[string]string{
		"tokens: [{name: a, hash: " + sentinel + ", " + scope + "}]":                "1:26: tokens[0].hash: this is not a hash",
		"tokens: [{name: a, env: " + sentinel + ", " + scope + "}]":                 "tokens[0].env: this is not the name of a variable",
		"tokens: [{name: a, token: " + sentinel + ", " + scope + "}]":               `unknown key "token"`,
		"tokens: [{name: a, " + scope + "}]":                                        "exactly one of hash, file, env and certificate",
		"tokens: [{name: a, file: x, env: Y, " + scope + "}]":                       "exactly one of hash",
		"tokens: [{name: a, file: x}]":                                              "namespaces: name those",
		"tokens: [{name: a, file: x, namespaces: [a], callers: [all], allow: [x]}]": `"all" is none`,
		"tokens: [{name: a, certificate: CN=a, " + scope + "}]":                     "certificates of clients need TLS",
		"tokens: [{name: a, signing: true, hash: x, " + scope + "}]":                "a signing key cannot be hashed",
		"tokens: [{name: a, file: x, expires: soon, " + scope + "}]":                "tokens[0].expires: this is no time",
		"tokens: " + sentinel:                              "a list is needed here",
		"callers: {rate: -1}":                              "callers: a limit cannot be negative",
		"outgoing: {checks: [10.0.0.0], callbacks: [any]}": "outgoing.callbacks[0]: \"any\" is no network",
		"sources: [{name: p, prometheus: {url: 'http://p', headers: {authorization: " + sentinel + "}}}]": "the value of authorization is a credential",
	} {
		_, err := Parse("serin.yaml", []byte(text+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), sentinel) {
			t.Errorf("%s: the secret is in the fault: %v", text, err)
		}
	}
}

func TestSecretsAreReadFromWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	hash := webhooks.HashToken(webhooks.NewSecret()).String()
	t.Setenv("SERIN_TEST_TOKEN", "a-token-from-the-environment")
	base := Token{Name: "a", Namespaces: []string{"*"}, Callers: []string{"*"}, Allow: []webhooks.Right{webhooks.RightRead}}
	for name, tt := range map[string]struct {
		change func(*Token)
		want   string
	}{
		"file":           {func(tk *Token) { tk.File = write("plain", "a-token-from-a-file\n") }, ""},
		"hash in a file": {func(tk *Token) { tk.File = write("hash", hash+"\n") }, ""},
		"hash":           {func(tk *Token) { tk.Hash = hash }, ""},
		"environment":    {func(tk *Token) { tk.Env = "SERIN_TEST_TOKEN" }, ""},
		"key":            {func(tk *Token) { tk.File, tk.Signing = write("key", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"), true }, ""},
		"no key":         {func(tk *Token) { tk.File, tk.Signing = write("nokey", "a-token-from-a-file"), true }, "not a signing key"},
		"short":          {func(tk *Token) { tk.File = write("short", "hunter2") }, "at least 16 characters"},
		"unset":          {func(tk *Token) { tk.Env = "SERIN_TEST_NONE" }, "the variable SERIN_TEST_NONE is empty"},
		"missing":        {func(tk *Token) { tk.File = filepath.Join(dir, "none") }, "cannot read the token file"},
		"a secret":       {func(tk *Token) { tk.File = "Sentinel0123456789abcdef" }, "its name looks like a secret"},
		"half a hash":    {func(tk *Token) { tk.File = write("half", "sha256$abc") }, "not the hash of a token"},
	} {
		tk := base
		tt.change(&tk)
		got, err := Config{Tokens: []Token{tk}}.readTokens()
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		for _, secret := range []string{"Sentinel0123456789abcdef", "hunter2"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the secret is in the error: %v", name, err)
			}
		}
		if err == nil && got[0].Check() != nil {
			t.Errorf("%s: got a token that cannot be used: %v", name, got[0].Check())
		}
	}
}

func TestReach(t *testing.T) {
	o := Outgoing{Checks: []string{"10.0.0.0/8"}, Callbacks: []string{"10.7.0.0/16", "fd00:7::/32", "0.0.0.0/0", "::/0"}}
	narrow := Outgoing{Callbacks: []string{"10.7.0.0/16", "fd00:7::/32"}}
	for _, tt := range []struct {
		addr                            string
		checks, wide, callbacks, narrow bool
	}{
		{"10.7.1.1:80", true, true, true, true},
		{"10.8.1.1:8443", true, true, true, false},
		{"127.0.0.1:80", false, true, true, false},
		{"[::ffff:127.0.0.1]:80", false, true, true, false},
		{"[::1]:80", false, true, true, false},
		{"[fd00:7::1]:80", false, true, true, true},
		{"93.184.216.34:8080", false, true, true, true},
		{"[2606:4700::1]:443", false, true, true, true},
		// Nobody's business, whatever is written.
		{"169.254.169.254:80", false, false, false, false},
		{"[::ffff:169.254.169.254]:80", false, false, false, false},
		{"[fd00:ec2::254]:80", false, false, false, false},
		{"100.100.100.200:80", false, false, false, false},
		{"[64:ff9b::a9fe:a9fe]:80", false, false, false, false},
		{"[2002:a9fe:a9fe::1]:80", false, false, false, false},
		{"168.63.129.16:80", false, false, false, false},          // Azure
		{"[fd20:ce::254]:80", false, false, false, false},         // Google
		{"[fd00:42::42]:80", false, false, false, false},          // Scaleway
		{"[64:ff9b::6464:64c8]:80", false, false, false, false},   // Alibaba's, by NAT64
		{"[64:ff9b::a83f:8110]:80", false, false, false, false},   // Azure's, by NAT64
		{"[2002:a83f:8110::1]:80", false, false, false, false},    // and by 6to4
		{"[64:ff9b:1::a9fe:a9fe]:80", false, false, false, false}, // by a network's own NAT64
		{"[64:ff9b:1:a9fe:a9:fe00::]:80", false, false, false, false},
		{"[::169.254.169.254]:80", false, false, false, false},
		{"[::ffff:0:a9fe:a9fe]:80", false, false, false, false},
		{"[fd20:ce::255]:80", false, true, true, false},
		{"[fe80::1%eth0]:80", false, false, false, false},
		{"0.0.0.0:80", false, false, false, false}, {"224.0.0.1:80", false, false, false, false}, {"255.255.255.255:80", false, false, false, false},
	} {
		to := netip.MustParseAddrPort(tt.addr)
		for name, c := range map[string]struct {
			reach Reach
			want  bool
		}{
			"checks": {o.ForChecks(), tt.checks}, "checks by default": {Outgoing{}.ForChecks(), tt.wide},
			"callbacks": {o.ForCallbacks(), tt.callbacks}, "narrow callbacks": {narrow.ForCallbacks(), tt.narrow},
			"nothing": {Reach{}, false},
		} {
			if err := c.reach.Guard(to); (err == nil) != c.want {
				t.Errorf("%s to %s: got %v, want allowed: %v", name, tt.addr, err, c.want)
			}
		}
	}
}

package app

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

func TestFaultsOfCallbacks(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string // path, then a part of the text
	}{
		"no host":       {`callbacks: { secretFiles: [x] }`, []string{"callbacks.hosts", "no host that may be called"}},
		"no secret":     {`callbacks: { hosts: [ci.example.com] }`, []string{"callbacks.secretFiles", "there is no secret"}},
		"bad host":      {`callbacks: { secretFiles: [x], hosts: ["*", "https://ci"] }`, []string{"callbacks.hosts[1]", "is no host"}},
		"token for all": {`callbacks: { secretFiles: [x], hosts: ["*"], bearer: [{ host: "*", file: x }] }`, []string{"callbacks.bearer[0].host", "every host"}},
		"no token":      {`callbacks: { secretFiles: [x], hosts: ["*"], bearer: [{ host: ci.example.com }] }`, []string{"callbacks.bearer[0]", "one of file and env"}},
		"two tokens":    {`callbacks: { secretFiles: [x], hosts: ["*"], bearer: [{ host: ci.example.com, file: x, env: X }] }`, []string{"callbacks.bearer[0]", "one of file and env"}},
		"unknown":       {`callbacks: { secret: whsec_hunter2 }`, []string{"callbacks.secret", "unknown key"}},
	} {
		_, err := Parse("serin.yaml", []byte(c.yaml))
		var fs plan.Faults
		if !errors.As(err, &fs) || len(fs) != 1 || fs[0].Path != c.want[0] || !strings.Contains(fs[0].Text, c.want[1]) || fs[0].Line != 1 {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got the secret in %v", name, err)
		}
	}
}

func TestSecretsOfCallbacks(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	good, bad := file("good", callbackSecret+"\n"), file("bad", "whsec_hunter2")
	empty := file("empty", "\n")
	t.Setenv("SERIN_TEST_SECRET", callbackSecret)
	for name, c := range map[string]struct {
		callbacks Callbacks
		want      string
	}{
		"a file and a variable": {Callbacks{SecretFiles: []string{good}, SecretEnv: []string{"SERIN_TEST_SECRET"}}, ""},
		"a token":               {Callbacks{SecretFiles: []string{good}, Bearer: []BearerOf{{Host: "ci.example.com", File: bad}, {Host: "x.example.com", Env: "SERIN_TEST_SECRET"}}}, ""},
		"no file of a token":    {Callbacks{SecretFiles: []string{good}, Bearer: []BearerOf{{Host: "ci.example.com", File: "none"}}}, "no such file"},
		"no variable of one":    {Callbacks{SecretFiles: []string{good}, Bearer: []BearerOf{{Host: "ci.example.com", Env: "SERIN_TEST_NONE"}}}, "SERIN_TEST_NONE"},
		"an empty token":        {Callbacks{SecretFiles: []string{good}, Bearer: []BearerOf{{Host: "ci.example.com", File: empty}}}, "is empty"},
		"no such file":          {Callbacks{SecretFiles: []string{filepath.Join(dir, "none")}}, "no such file"},
		"no such variable":      {Callbacks{SecretEnv: []string{"SERIN_TEST_NONE"}}, "SERIN_TEST_NONE"},
		"no secret in it":       {Callbacks{SecretFiles: []string{good, bad}}, "callback secret 2"},
	} {
		c.callbacks.Hosts = []string{"*"}
		l, err := newLater(Config{Callbacks: c.callbacks}, nil)
		switch {
		case c.want == "" && (err != nil || l.callbacks == nil):
			t.Errorf("%s: got %v, want callbacks", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// Callbacks go to the public internet, and to listed networks.
func TestWhereCallbacksMayGo(t *testing.T) {
	t.Setenv("SERIN_TEST_SECRET", callbackSecret)
	l, err := newLater(Config{
		Callbacks: Callbacks{SecretEnv: []string{"SERIN_TEST_SECRET"}, Hosts: []string{"*", "127.0.0.1:*"}},
		Outgoing:  Outgoing{Callbacks: []string{"10.20.0.0/16"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, allowed := range map[string]bool{
		"93.184.216.34": true, "10.20.3.4": true, "10.21.3.4": false, "127.0.0.1": false, "[::1]": false, "169.254.169.254": false,
		"192.168.1.1": false, "[fd00:ec2::254]": false, "[::ffff:127.0.0.1]": false, "0.0.0.0": false, "100.100.100.200": false,
	} {
		if err := l.callbacks.Check("https://" + host + "/"); (err == nil) != allowed {
			t.Errorf("%s: got %v, want allowed %v", host, err, allowed)
		}
	}
	if err := (Outgoing{}).ForCallbacks().Guard(netip.MustParseAddrPort("127.0.0.1:443")); err == nil {
		t.Error("loopback is allowed by default")
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/cmd/serin/app"
)

func TestTokenNewMakesAnEntryThatServes(t *testing.T) {
	for _, more := range [][]string{nil, {"--signing"}, {"--namespace", "shop", "--namespace", "team-*", "--caller", "flagger", "--allow", "judge", "--expires", "24h"}} {
		var out, err strings.Builder
		if code := run(t.Context(), append([]string{"token", "new", "--name", "flagger"}, more...), &out, &err); code != 0 {
			t.Fatalf("got exit %d: %s", code, err.String())
		}
		secret := strings.TrimSpace(out.String())
		if len(secret) < 40 || strings.Contains(err.String(), secret) {
			t.Errorf("got secret %q and entry\n%s\nwant the secret on standard output only", secret, err.String())
		}
		_, entry, _ := strings.Cut(err.String(), "serin.yaml:\n\n")
		entry, _, _ = strings.Cut(entry, "\nThe secret")
		c, perr := app.Parse("serin.yaml", []byte("tokens:\n"+entry))
		if perr != nil || len(c.Tokens) != 1 || c.Tokens[0].Name != "flagger" {
			t.Errorf("got %v for the entry\n%s\nwant it accepted", perr, entry)
		}
	}
}

func TestTokenNewRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"missing flags: --name": {}, "is none; write up to 63": {"--name", "a b"}, `"al" is no right`: {"--name", "a", "--allow", "al"},
		"lies in the past":                    {"--name", "a", "--expires=-1h"},
		"cannot have the rights override and": {"--name", "a", "--signing", "--allow", "override"},
	} {
		var out, err strings.Builder
		if code := run(t.Context(), append([]string{"token", "new"}, args...), &out, &err); code == 0 || !strings.Contains(err.String(), want) || out.Len() > 0 {
			t.Errorf("%v: got exit %d, %q, want %q and no secret", args, code, err.String(), want)
		}
	}
}

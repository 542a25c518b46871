package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/webhooks"
)

// tokenCmd groups what is done with callers' tokens.
type tokenCmd struct {
	New tokenNewCmd `cmd:"" help:"Make a token for a caller: the secret, and the entry for serin.yaml."`
}

// tokenNewCmd makes a token.
type tokenNewCmd struct {
	Name      string        `required:"" placeholder:"NAME" help:"What logs and the audit trail call it."`
	Namespace []string      `placeholder:"PATTERN" help:"Namespaces that it is good for, like shop or team-*. Default: every one."`
	Caller    []string      `placeholder:"CALLER" help:"Who may use it: api, flagger, argo, kayenta, azure, codedeploy, ecs, alertmanager. Default: every one."`
	Allow     []string      `placeholder:"RIGHT" help:"What it may do: read, announce, judge, override, alert, admin. Default: read, announce, judge."`
	Expires   time.Duration `placeholder:"DURATION" help:"For how long it is good, for example 2160h. Default: for ever."`
	Signing   bool          `help:"Make a key that signs requests (Standard Webhooks), instead of a token that is sent."`
}

// Help implements kong.HelpProvider.
func (tokenNewCmd) Help() string {
	return `Examples:

    serin token new --name flagger --caller flagger --namespace shop
    serin token new --name on-call --caller api --allow read --allow override --expires 2160h

The secret is written to standard output, once, and nowhere else; the entry for tokens in
serin.yaml, which holds only its hash, to standard error. To exchange a token, add a second
entry of the same name, hand the new secret out, and remove the first: a SIGHUP is enough.`
}

// Run implements the command.
func (c tokenNewCmd) Run(s *streams) error {
	if c.Expires < 0 {
		return errors.New("--expires lies in the past; write how long it is good, for example 2160h")
	}
	t := webhooks.Token{Name: c.Name, Namespaces: orAll(c.Namespace), Callers: orAll(c.Caller)}
	for _, r := range c.Allow {
		t.Allow = append(t.Allow, webhooks.Right(r))
	}
	if len(t.Allow) == 0 {
		t.Allow = []webhooks.Right{webhooks.RightRead, webhooks.RightAnnounce, webhooks.RightJudge}
	}
	if c.Expires > 0 {
		t.Expires = time.Now().Add(c.Expires).UTC().Truncate(time.Second)
	}
	secret, where := webhooks.NewSecret(), ""
	if c.Signing {
		var key [32]byte
		rand.Read(key[:]) // never fails
		secret, t.Signing = "whsec_"+base64.StdEncoding.EncodeToString(key[:]), key[:]
		where = "    file: /run/secrets/" + c.Name + "   # write the key into it\n    signing: true\n"
	} else {
		t.Hash = webhooks.HashToken(secret)
		where = "    hash: " + t.Hash.String() + "\n"
	}
	if err := t.Check(); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Add to tokens in serin.yaml:\n\n  - name: %s\n%s    namespaces: %s\n    callers: %s\n    allow: %s\n",
		c.Name, where, listed(t.Namespaces), listed(t.Callers), listed(t.Allow))
	if c.Expires > 0 {
		fmt.Fprintf(s.err, "    expires: %s\n", t.Expires.Format(time.RFC3339))
	}
	fmt.Fprint(s.err, "\nThe secret, which is shown only now:\n\n")
	_, err := fmt.Fprintln(s.out, secret)
	return err
}

func orAll(list []string) []string {
	if len(list) == 0 {
		return []string{"*"}
	}
	return list
}

// listed writes a list as YAML.
func listed[T ~string](list []T) string {
	quoted := make([]string, len(list))
	for i, v := range list {
		quoted[i] = fmt.Sprintf("%q", string(v))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

package checks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"text/template"
)

// Secrets gives a check of a target a secret, by the name that plans use. It is asked
// when a check is run, so that a secret that was changed is used at once. Its errors name
// the next step and hold no part of a secret.
type Secrets func(t Target, name string) (string, error)

// secretNames are the names that secrets may have.
var secretNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// SecretName reports whether a text can be the name of a secret: letters, digits,
// points, dashes and underscores, at most 63.
func SecretName(name string) bool { return secretNames.MatchString(name) }

// WithSecrets lets checks speak of secrets: {{ secret "name" }}.
func WithSecrets(from Secrets, r Runner) Runner {
	return RunnerFunc(func(ctx context.Context, s Spec, t Target) Result {
		t.secrets = from
		return r.Run(ctx, s, t)
	})
}

// Veil returns what hides the secrets of this run. A runner adds what it gets from a
// server and may not be shown; [Kinds] hides it in everything that the run leaves.
func (t Target) Veil() *Veil { return t.veil }

// Veiled returns the target with a veil of its own, where it has none.
func (t Target) Veiled() Target {
	if t.veil == nil {
		t.veil = &Veil{}
	}
	return t
}

// secret is the template function of that name.
func (t Target) secret(name string) (string, error) {
	if t.secrets == nil {
		return "", &secretError{fmt.Errorf("the secret %q is wanted, and none are known here; add it under secrets: in the configuration", name)}
	}
	v, err := t.secrets(t, name)
	switch {
	case err != nil:
		return "", &secretError{fmt.Errorf("the secret %q %w", name, err)}
	case len(v) < shortestHidden:
		return "", &secretError{fmt.Errorf("the secret %q has %d bytes, and one of fewer than %d cannot be kept out of sentences; use a longer one", name, len(v), shortestHidden)}
	case t.veil == nil:
		return "", &secretError{errors.New("a secret is wanted where nothing hides it; this is a defect of the server")}
	}
	t.veil.Learn(v)
	return v, nil
}

// basic is the template function that makes the value of an Authorization header.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// quoted is the template function json: a text as a JSON document has it, in quotes.
func quoted(text string) (string, error) {
	b, err := json.Marshal(text)
	return string(b), err
}

// TemplateFuncs are the functions of templates beside those of text/template that
// plans may use. Given to a parser, they only tell it their names.
func (t Target) TemplateFuncs() template.FuncMap {
	return template.FuncMap{"secret": t.secret, "basic": basic, "json": quoted}
}

// secretError is a secret's absence on its way through text/template.
type secretError struct{ err error }

// Error says which secret, and what to do.
func (e *secretError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *secretError) Unwrap() error { return e.err }

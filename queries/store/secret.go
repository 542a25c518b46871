package store

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Secret says where a secret is: file:PATH or env:NAME. It is read at each use, so
// that rotation needs no restart.
type Secret string

// Check refuses what names no secret. It does not quote what may be one.
func (s Secret) Check() error {
	kind, where, ok := strings.Cut(string(s), ":")
	if !ok || kind != "file" && kind != "env" || where == "" {
		return errors.New("is not where a secret is; write file:PATH or env:NAME, and never the secret itself")
	}
	return nil
}

// Read returns the secret. Errors name the place, and nothing of what is there.
func (s Secret) Read() (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	kind, where, _ := strings.Cut(string(s), ":")
	text := ""
	if kind == "env" {
		text = os.Getenv(where)
	} else {
		b, err := os.ReadFile(where)
		if err != nil {
			return "", fmt.Errorf("the secret cannot be read: %w", err)
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", fmt.Errorf("the secret at %s is empty", s)
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", fmt.Errorf("the secret at %s has more than one line", s)
	}
	return text, nil
}

// userInfo is what looks like a password in a URL.
var userInfo = regexp.MustCompile(`//[^/@\s]*@`)

// Redact returns a text on one line, cut to a bearable length, without the secrets
// and without what looks like a password in a URL.
func Redact(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 { // what is shorter would blot out half of every text
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	text = userInfo.ReplaceAllString(text, "//***@")
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "…"
	}
	return text
}

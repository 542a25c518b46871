package webhooks

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Right is one thing that a token may be good for.
type Right string

// The rights. None includes another.
const (
	// RightRead shows plans, rollouts and verdicts.
	RightRead Right = "read"
	// RightAnnounce says what is on trial: opens rollouts, declares weights, closes.
	RightAnnounce Right = "announce"
	// RightJudge asks for verdicts.
	RightJudge Right = "judge"
	// RightOverride decides in the judge's place.
	RightOverride Right = "override"
	// RightAlert says which alerts fire, for the plans that count them; nothing else.
	RightAlert Right = "alert"
	// RightAdmin shows the audit trail and what the server works on.
	RightAdmin Right = "admin"
)

// Rights lists every right.
func Rights() []Right {
	return []Right{RightRead, RightAnnounce, RightJudge, RightOverride, RightAlert, RightAdmin}
}

// anything stands for every namespace or caller, where a token names it.
const anything = "*"

// Callers lists the names of what may call: the controllers' dialects, and the API.
func Callers() []string {
	return []string{controllerAPI, controllerFlagger, controllerArgo, controllerKayenta, controllerAzure, controllerGitHub, controllerCodeDeploy, controllerECS, controllerAlertmanager}
}

// Token is one credential of a caller and what it is good for. Exactly one of Hash,
// Signing and Certificate is set. Several tokens may have one name: that is how one
// is exchanged for another without a gap.
type Token struct {
	Name string // for logs and the audit trail; no secret
	// Hash is that of a token that the caller sends as bearer token, as password of
	// Basic or, being Flagger, in a hook's metadata.
	Hash Hash
	// Signing is the key of a caller that signs its requests; at least 24 bytes.
	Signing []byte
	// Certificate is a subject alternative name (DNS name, URI, e-mail, IP address)
	// of a client's certificate, or CN= and its common name.
	Certificate string

	Namespaces []string // patterns like team-*; "*" is every namespace, and none
	Callers    []string // of Callers(), or "*"
	Allow      []Right

	NotBefore, Expires time.Time // zero: no bound
}

// FullToken returns a token that is good for everything.
func FullToken(name, secret string) Token {
	return Token{
		Name: name, Hash: HashToken(secret),
		Namespaces: []string{anything}, Callers: []string{anything}, Allow: Rights(),
	}
}

// tokenPrefix lets scanners find tokens in what was published by mistake.
const tokenPrefix = "serin_"

// generatedToken is the form of every token that [NewSecret] returns.
var generatedToken = regexp.MustCompile(`^serin_[0-9A-Za-z_-]{43}$`)

// NewSecret returns a new token: 256 random bits behind a prefix.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is what is kept of a token: SHA-256 over a salt of 128 bits and the token's
// own SHA-256. That is enough, and no slow hash is needed, because a hash from a
// file is only ever compared with tokens of the form that [NewSecret] gives them:
// nobody can try 2^256 of them. A slow hash would be work that strangers could make
// this server do. The salt hides that two entries are one token.
type Hash struct {
	salt [16]byte
	sum  [32]byte
	// generated: only what NewSecret could have returned is compared. It is set on
	// every hash that was read as text, where what was hashed cannot be seen.
	generated bool
	set       bool
}

// HashToken hashes a token with a new salt.
func HashToken(token string) Hash {
	h := Hash{set: true}
	rand.Read(h.salt[:]) // never fails
	h.sum = h.of(sha256.Sum256([]byte(token)))
	return h
}

func (h Hash) of(inner [32]byte) [32]byte { return sha256.Sum256(append(h.salt[:], inner[:]...)) }

// hashScheme begins every hash that is written down.
const hashScheme = "sha256"

// String writes a hash for a configuration file. It says nothing of the token.
func (h Hash) String() string {
	e := base64.RawURLEncoding
	return hashScheme + "$" + e.EncodeToString(h.salt[:]) + "$" + e.EncodeToString(h.sum[:])
}

// ParseHash reads what [Hash.String] wrote.
func ParseHash(text string) (Hash, error) {
	wrong := errors.New("not the hash of a token; serin token new writes one, like sha256$SALT$SUM")
	parts := strings.Split(text, "$")
	if len(parts) != 3 || parts[0] != hashScheme {
		return Hash{}, wrong
	}
	h := Hash{set: true, generated: true}
	for i, to := range [...][]byte{h.salt[:], h.sum[:]} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(parts[i+1])
		if err != nil || len(b) != len(to) {
			return Hash{}, wrong
		}
		copy(to, b)
	}
	return h, nil
}

// LooksHashed reports whether a text is meant to be a hash rather than a token.
func LooksHashed(text string) bool { return strings.HasPrefix(text, hashScheme+"$") }

// active reports whether a token may be used at a moment.
func (t *Token) active(now time.Time) bool {
	return !now.Before(t.NotBefore) && (t.Expires.IsZero() || now.Before(t.Expires))
}

// inside reports whether a token is good for a namespace. What belongs to no
// namespace needs a token for all of them.
func (t *Token) inside(namespace string) bool {
	for _, pattern := range t.Namespaces {
		if pattern == anything {
			return true
		}
		if ok, err := path.Match(pattern, namespace); err == nil && ok && namespace != "" {
			return true
		}
	}
	return false
}

// everywhere reports whether a token is good for every namespace.
func (t *Token) everywhere() bool { return slices.Contains(t.Namespaces, anything) }

// speaks reports whether a token may be used by a caller of this name.
func (t *Token) speaks(caller string) bool {
	return slices.Contains(t.Callers, anything) || slices.Contains(t.Callers, caller)
}

// tokens are those configured.
type tokens []Token

// bySecret finds the token that a secret belongs to, or nil. All of them are
// compared, in the same time wherever one fits. Where several fit (a token that was
// written down twice), one that may be used now is preferred.
func (ts tokens) bySecret(secret string, now time.Time) *Token {
	inner := sha256.Sum256([]byte(secret))
	formed := generatedToken.MatchString(secret)
	found, rank := -1, 0
	for i := range ts {
		h := ts[i].Hash
		sum := h.of(inner)
		fits := subtle.ConstantTimeCompare(sum[:], h.sum[:])
		if !h.set || (h.generated && !formed) {
			fits = 0
		}
		r := fits
		if ts[i].active(now) {
			r = 2 * fits
		}
		better := subtle.ConstantTimeLessOrEq(rank+1, r)
		found = subtle.ConstantTimeSelect(better, i, found)
		rank = subtle.ConstantTimeSelect(better, r, rank)
	}
	if found < 0 {
		return nil
	}
	return &ts[found]
}

// tokenName is what a token may be called.
var tokenName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._@/-]{0,62}$`)

const (
	maxTokens = 1000 // each is compared with what is presented
	// minSigning is what the Standard Webhooks specification asks of a key, in bytes.
	minSigning = 24
)

// Check returns everything that is wrong with a token.
func (t *Token) Check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !tokenName.MatchString(t.Name) {
		fault("the name %q is none; write up to 63 letters, digits and . _ @ / -", oneLine(t.Name, 80))
	}
	n := 0
	for _, given := range [...]bool{t.Hash.set, t.Signing != nil, t.Certificate != ""} {
		if given {
			n++
		}
	}
	if n != 1 {
		fault("a token needs exactly one credential: a token or its hash, a signing key, or a certificate's name")
	}
	if t.Signing != nil && len(t.Signing) < minSigning {
		fault("the signing key has %d bytes; it needs at least %d", len(t.Signing), minSigning)
	}
	if t.Signing != nil && (slices.Contains(t.Allow, RightOverride) || slices.Contains(t.Allow, RightAdmin)) {
		fault("a signing key cannot have the rights override and admin: a signature covers the body, and not the address it was meant for")
	}
	if !t.Expires.IsZero() && !t.Expires.After(t.NotBefore) {
		fault("it expires before it begins")
	}
	return errors.Join(append(faults, t.checkScope()...)...)
}

// checkScope returns what is wrong with what a token is good for. Nothing is taken
// for granted: what is left out is a fault, not everything.
func (t *Token) checkScope() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(t.Namespaces) == 0 {
		fault(`namespaces: name those that it is good for, like [shop, team-*], or ["*"] for all`)
	}
	for _, pattern := range t.Namespaces {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			fault("namespaces: %q is no pattern; write a name, or one with * in it", pattern)
		}
	}
	if len(t.Callers) == 0 {
		fault(`callers: name who may use it (%s), or ["*"] for all`, strings.Join(Callers(), ", "))
	}
	for _, caller := range t.Callers {
		if caller != anything && !slices.Contains(Callers(), caller) {
			fault("callers: %q is none; there are %s", caller, strings.Join(Callers(), ", "))
		}
	}
	if len(t.Allow) == 0 {
		fault("allow: name what it may do: %s", joinRights(Rights()))
	}
	for _, r := range t.Allow {
		if !slices.Contains(Rights(), r) {
			fault("allow: %q is no right; there are %s", r, joinRights(Rights()))
		}
	}
	return faults
}

func joinRights(rights []Right) string {
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

// checkTokens returns everything that is wrong with a list of tokens.
func checkTokens(ts []Token) []error {
	var faults []error
	if len(ts) > maxTokens {
		faults = append(faults, fmt.Errorf("%d tokens; at most %d are compared with what a caller presents", len(ts), maxTokens))
	}
	for i := range ts {
		if err := ts[i].Check(); err != nil {
			faults = append(faults, fmt.Errorf("token %d (%s): %w", i+1, oneLine(ts[i].Name, 80), err))
		}
	}
	return faults
}

func tokenList(ts []Token) *tokens {
	list := tokens(slices.Clone(ts))
	return &list
}

// tokens returns those that are accepted now.
func (s *Server) tokens() tokens { return *s.keys.Load() }

// Accept exchanges the accepted tokens while the server runs. It refuses to take
// the last one away, which would make loopback the only way in, and to add the
// first, which whoever uses loopback now does not have.
func (s *Server) Accept(ts []Token) error {
	if (len(ts) == 0) != (len(s.tokens()) == 0) {
		return errors.New("webhooks: whether there are tokens at all cannot change while the server runs; restart it")
	}
	if faults := checkTokens(ts); len(faults) > 0 {
		return fmt.Errorf("webhooks: %w", errors.Join(faults...))
	}
	s.keys.Store(tokenList(ts))
	return nil
}

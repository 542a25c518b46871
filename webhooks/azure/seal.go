package azure

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Key seals what must not be readable in the journal. Its ID is written beside what
// it sealed, so that another key can take its place while the old one still opens.
type Key struct {
	ID     string
	Secret [32]byte // of AES-256
}

// keyID is what a key may be called.
var keyID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$`)

// CheckKeyID says what is wrong with the name of a key.
func CheckKeyID(text string) error {
	if !keyID.MatchString(text) {
		return fmt.Errorf("%q is no name of a key; write up to 32 letters, digits and . _ -", text)
	}
	return nil
}

// ParseKey reads a key's secret: 32 random bytes in base64. The error does not
// repeat it.
func ParseKey(text string) ([32]byte, error) {
	var out [32]byte
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != len(out) {
		return out, errors.New("not a key: 32 random bytes in base64; make one with: head -c 32 /dev/urandom | base64")
	}
	if [32]byte(b) == out {
		return out, errors.New("not a key: it is all zeros; make one with: head -c 32 /dev/urandom | base64")
	}
	return [32]byte(b), nil
}

// sealed is a credential that only the named key opens, and only for one question.
type sealed struct {
	Key string `json:"key"`
	// Box is the nonce, of 12 bytes, and what AES-256-GCM made of the credential, with
	// the question's ID as associated data.
	Box []byte `json:"box"`
}

// keyring are the keys in their order.
type keyring struct {
	first string
	boxes map[string]cipher.AEAD
}

func newKeyring(keys []Key) (keyring, error) {
	if len(keys) == 0 {
		return keyring{}, errors.New("azure: no key to seal tokens with")
	}
	k := keyring{first: keys[0].ID, boxes: map[string]cipher.AEAD{}}
	for _, key := range keys {
		if err := CheckKeyID(key.ID); err != nil {
			return k, fmt.Errorf("azure: %w", err)
		}
		if k.boxes[key.ID] != nil {
			return k, fmt.Errorf("azure: two keys are called %q", key.ID)
		}
		block, err := aes.NewCipher(key.Secret[:])
		if err != nil {
			return k, fmt.Errorf("azure: key %s: %w", key.ID, err)
		}
		if k.boxes[key.ID], err = cipher.NewGCM(block); err != nil {
			return k, fmt.Errorf("azure: key %s: %w", key.ID, err)
		}
	}
	return k, nil
}

// seal closes a credential for one question.
func (k keyring) seal(question, credential string) (sealed, error) {
	box, ok := k.boxes[k.first]
	if !ok {
		return sealed{}, errors.New("there is no key to seal the token with")
	}
	nonce := make([]byte, box.NonceSize())
	rand.Read(nonce) // never fails
	return sealed{Key: k.first, Box: box.Seal(nonce, nonce, []byte(credential), []byte(question))}, nil
}

// errNoKey says that what sealed a credential is not configured any more.
var errNoKey = errors.New("the key that sealed the run's token is not configured")

// errForged says that a credential was not sealed by the key that it names, or for
// another question.
var errForged = errors.New("the run's token cannot be opened: it was sealed for another question, or changed")

// open returns the credential.
func (k keyring) open(question string, s sealed) (string, error) {
	box, ok := k.boxes[s.Key]
	if !ok {
		return "", fmt.Errorf("%w: %.40q; list it under azure.keys again, below the new one, until its questions are over", errNoKey, s.Key)
	}
	if len(s.Box) < box.NonceSize() {
		return "", errForged
	}
	n := box.NonceSize()
	text, err := box.Open(nil, s.Box[:n], s.Box[n:], []byte(question))
	if err != nil {
		return "", errForged // the cipher's own words add nothing
	}
	return string(text), nil
}

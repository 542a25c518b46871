package reply

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Signer signs with one secret.
type Signer struct{ webhook *standardwebhooks.Webhook }

// Signers sign a body, each with a signature of its own.
type Signers []Signer

// ReadSigner reads a secret of the Standard Webhooks specification. The error says what
// must be so, and does not quote it.
func ReadSigner(secret string) (Signer, error) {
	const form = `must be "whsec_" and 24 to 64 random bytes in base64; make one with: echo whsec_$(head -c 32 /dev/urandom | base64)`
	rest, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return Signer{}, errors.New(form)
	}
	key, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return Signer{}, errors.New(form)
	}
	w, err := standardwebhooks.NewWebhookRaw(key)
	return Signer{w}, err
}

// Sign writes the headers of a signed body: its ID, which is the same whenever it is sent
// again, the time of this attempt, and the signatures.
func (all Signers) Sign(h http.Header, id string, now time.Time, body []byte) error {
	signatures := make([]string, len(all))
	for i, s := range all {
		var err error
		if signatures[i], err = s.webhook.Sign(id, now, body); err != nil {
			return err
		}
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

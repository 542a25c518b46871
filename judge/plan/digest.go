package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Digest returns the SHA-256 of the plan's JSON, hexadecimal. Equal plans have equal
// digests, whatever their files looked like. It is empty for a plan that JSON cannot
// hold (a NaN), which no loaded plan is.
func (p Plan) Digest() string {
	text, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

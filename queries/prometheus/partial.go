package prometheus

import (
	"bytes"
	"regexp"
)

// VictoriaMetrics says of each answer whether a part of its storage is missing from it,
// in a key that Prometheus does not have and its client does not read. An answer that
// says so must not pass for a whole one. It also adds what the query cost.

// partialWarning is what stands for the key among the store's warnings.
const partialWarning = "isPartial is true: a part of its storage did not answer"

// saysPartial reports whether an answer has "isPartial": true. Inside a text the quotes
// would be escaped, so that no label can look like it.
func saysPartial(body []byte) bool {
	return bytes.Contains(body, []byte(`"isPartial"`)) && regexp.MustCompile(`"isPartial"\s*:\s*true`).Match(body)
}

// end reads what is behind the data: nothing, or what VictoriaMetrics says that it cost.
func (r *plainReader) end() bool {
	if r.skip(`,"stats":{`) {
		i := bytes.IndexByte(r.rest, '}')
		if i < 0 || bytes.ContainsAny(r.rest[:i], "{[\\") {
			return false
		}
		r.rest = r.rest[i+1:]
	}
	if !r.skip(`}`) {
		return false
	}
	r.skip("\n")
	return len(r.rest) == 0
}

package checks

import "time"

// Answer is what an [Assertion] speaks of: what came back to a check.
type Answer struct {
	Status  int
	Proto   string            // HTTP/1.1, HTTP/2.0
	Headers map[string]string // by name in small letters; repeated ones are joined by ", "
	Body    string
	// JSON is the body as [ReadJSON] reads it. Where it is no JSON, NoJSON says why.
	JSON   any
	NoJSON string
	// Cut says why the body is not known in full, or is empty.
	Cut     string
	Latency time.Duration // to the last byte
	TLS     *TLS          // nil: the answer did not come over TLS
	Code    string        // of gRPC: OK, NOT_FOUND
	// Value is what is asserted of one series of a query, Values are those of all, in
	// the order in which they came.
	Value  float64
	Values []float64
	// Hidden are texts that no sentence may quote: credentials that were sent.
	Hidden []string
}

// TLS is what an assertion may say of an answer's connection.
type TLS struct {
	// DaysLeft is the time until the first certificate of the chain expires, in days.
	DaysLeft float64 `expr:"daysLeft"`
	// Version is 1.0 to 1.3.
	Version string `expr:"version"`
	// Names are the host names of the server's certificate.
	Names []string `expr:"names"`
	// Issuer is who signed the server's certificate.
	Issuer string `expr:"issuer"`
}

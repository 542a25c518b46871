package queries

import (
	"errors"
	"fmt"
	"time"
)

// Fault says whose fault a failed query is, which is what decides the next step.
type Fault string

// The faults of an [Error].
const (
	// Unavailable: the source did not answer, or answered that it cannot now.
	// Asking again may help.
	Unavailable Fault = "unavailable"
	// Rejected: the source understood and refused (bad query, no permission, too
	// many samples). Asking again will not help; the plan or the credentials must change.
	Rejected Fault = "rejected"
	// Throttled: the source asks to be asked less often.
	Throttled Fault = "throttled"
	// Malformed: the source answered something that cannot be read as it should.
	Malformed Fault = "malformed"
)

// Error is a query that a source could not answer. Its text carries no
// credentials: only the source's name, never its URL's user, path or query.
type Error struct {
	Fault  Fault
	Source string // the source's name in the configuration
	Text   string // what happened, in plain words
	Err    error  // the cause; may be nil. It must be free of credentials too.
	// RetryAfter, where positive, is for how long the source asks to be left alone.
	RetryAfter time.Duration
}

// Error returns the sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("source %q: %s: %s", e.Source, e.Fault, e.Text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultOf returns the fault of an error that a source returned, and Unavailable
// for an error of any other type: what is not understood is not a pass.
func FaultOf(err error) Fault {
	var e *Error
	if errors.As(err, &e) {
		return e.Fault
	}
	return Unavailable
}

// SyntaxError is a query that cannot be parsed, scoped or understood. Column is
// counted in characters from 1; zero means that no position is known.
type SyntaxError struct {
	Expr   string
	Line   int
	Column int
	Text   string
}

// Error returns the position and what is wrong there.
func (e *SyntaxError) Error() string {
	if e.Column == 0 {
		return e.Text
	}
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Text)
}

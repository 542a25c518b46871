package queries

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/parser/posrange"
)

// maxQuery bounds the text of a query, in bytes. The parser and its printer recurse,
// a stack that overflows cannot be recovered, and their time grows with the square of
// the depth.
const maxQuery = 16 << 10

// ParsePromQL reads a PromQL expression. Every failure is a *[SyntaxError], also
// where the parser panics.
func ParsePromQL(text string) (e parser.Expr, err error) {
	defer recovered(text, &err)
	if len(text) > maxQuery {
		return nil, &SyntaxError{Text: fmt.Sprintf("the query has %d bytes; at most %d are read", len(text), maxQuery)}
	}
	e, err = parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return nil, syntaxError(text, err)
	}
	return e, nil
}

// recovered turns a panic of the parser or its printer into a *SyntaxError.
func recovered(text string, err *error) {
	if v := recover(); v != nil {
		*err = &SyntaxError{Expr: text, Text: fmt.Sprintf("the PromQL parser failed on this query: %v", v)}
	}
}

// syntaxError keeps the first fault that the parser found, with its position.
func syntaxError(text string, err error) *SyntaxError {
	var many parser.ParseErrors
	if errors.As(err, &many) && len(many) > 0 {
		return faultAt(text, many[0].PositionRange.Start, many[0].Err.Error())
	}
	var one *parser.ParseErr
	if errors.As(err, &one) {
		return faultAt(text, one.PositionRange.Start, one.Err.Error())
	}
	return &SyntaxError{Expr: text, Text: err.Error()}
}

// faultAt makes a SyntaxError that points at a byte of the text.
func faultAt(text string, at posrange.Pos, why string) *SyntaxError {
	e := &SyntaxError{Expr: text, Text: why}
	if at < 0 || int(at) > len(text) {
		return e
	}
	e.Line, e.Column = 1, 1
	for i := 0; i < int(at); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		e.Column++
		if r == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
	return e
}

package adopt

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// conditions reads Argo's conditions as bounds on a metric's value. What they say of
// missing data is left out and reported: nothing passes by absence here. The simple
// conditions, which compare one value with numbers, are expressions of Go as well; the
// error says why others are not read.
func conditions(success, failure string) (bounds []bound, absent bool, err error) {
	text, negate := failure, false
	if text == "" {
		text, negate = success, true
	}
	if text == "" {
		return nil, false, nil
	}
	const longest = 2_000
	if len(text) > longest {
		return nil, false, errors.New("it is too long")
	}
	e, err := parser.ParseExpr(asGo(text))
	if err != nil {
		return nil, false, errors.New("it is more than a comparison of one value with numbers")
	}
	c := &condition{}
	bounds, err = c.crossed(e, negate)
	return bounds, c.absent, err
}

// asGo makes Go of what Argo's language says by words. default is a word of Go's own.
func asGo(s string) string {
	return strings.NewReplacer(" and ", " && ", " or ", " || ", "not ", "!", "default(", "defaultOf(").Replace(s)
}

type condition struct{ absent bool }

// crossed returns the bounds of which one is crossed where an expression is true, or
// false where negate says so.
func (c *condition) crossed(e ast.Expr, negate bool) ([]bound, error) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return c.crossed(e.X, negate)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return c.crossed(e.X, !negate)
		}
	case *ast.BinaryExpr:
		if e.Op == token.LAND || e.Op == token.LOR {
			return c.both(e, negate)
		}
		return c.comparison(e, negate)
	}
	return nil, errors.New("it is more than a comparison of one value with numbers")
}

// both reads two conditions: where one of two suffices each gives its bounds, where
// both are needed one of them must be about missing data.
func (c *condition) both(e *ast.BinaryExpr, negate bool) ([]bound, error) {
	left, right := aboutData(e.X), aboutData(e.Y)
	c.absent = c.absent || left || right
	switch {
	case left && right:
		return nil, nil
	case left:
		return c.crossed(e.Y, negate)
	case right:
		return c.crossed(e.X, negate)
	case (e.Op == token.LOR) == negate:
		return nil, errors.New("it asks for two things at once")
	}
	one, err := c.crossed(e.X, negate)
	if err != nil {
		return nil, err
	}
	other, err := c.crossed(e.Y, negate)
	return append(one, other...), err
}

// comparison reads result[0] >= 0.95.
func (c *condition) comparison(e *ast.BinaryExpr, negate bool) ([]bound, error) {
	op, value, limit := e.Op, e.X, e.Y
	if isValue(e.Y) {
		value, limit = e.Y, e.X
		op = map[token.Token]token.Token{token.LSS: token.GTR, token.LEQ: token.GEQ, token.GTR: token.LSS, token.GEQ: token.LEQ}[op]
	}
	if !isValue(value) {
		return nil, errors.New("it compares something other than the query's one value")
	}
	v, err := numberOf(limit)
	if err != nil {
		return nil, err
	}
	switch op {
	case token.LSS, token.LEQ:
		return []bound{{below: !negate, value: v}}, nil
	case token.GTR, token.GEQ:
		return []bound{{below: negate, value: v}}, nil
	}
	return nil, fmt.Errorf("its operator %s is none of < <= > >=", e.Op)
}

// isValue reports whether an expression is the query's value: result, result[0],
// asFloat(result), default(result, 0).
func isValue(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return isValue(e.X)
	case *ast.Ident:
		return e.Name == "result"
	case *ast.IndexExpr:
		at, ok := e.Index.(*ast.BasicLit)
		return ok && at.Value == "0" && isValue(e.X)
	case *ast.CallExpr:
		switch called(e) {
		case "asFloat", "float", "asInt", "int":
			return len(e.Args) == 1 && isValue(e.Args[0])
		case "default":
			return len(e.Args) == 2 && isValue(e.Args[0])
		}
	}
	return false
}

// aboutData reports whether a condition speaks of missing data alone.
func aboutData(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return aboutData(e.X)
	case *ast.UnaryExpr:
		return e.Op == token.NOT && aboutData(e.X)
	case *ast.CallExpr:
		name := called(e)
		return (name == "isNaN" || name == "isInf" || name == "isNil") && len(e.Args) == 1 && isValue(e.Args[0])
	case *ast.BinaryExpr:
		if e.Op == token.LAND || e.Op == token.LOR {
			return aboutData(e.X) && aboutData(e.Y)
		}
		call, ok := e.X.(*ast.CallExpr)
		if ok && called(call) == "len" && len(call.Args) == 1 && isValue(call.Args[0]) {
			return true
		}
		nothing, ok := e.Y.(*ast.Ident)
		return ok && nothing.Name == "nil" && isValue(e.X)
	}
	return false
}

// called returns the name of the function in a call.
func called(e *ast.CallExpr) string {
	if f, ok := e.Fun.(*ast.Ident); ok {
		return strings.TrimSuffix(f.Name, "Of")
	}
	return ""
}

func numberOf(e ast.Expr) (float64, error) {
	sign := 1.0
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.SUB {
		sign, e = -1, u.X
	}
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.INT && l.Kind != token.FLOAT {
		return 0, errors.New("it compares with something other than a number")
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(l.Value, "_", ""), 64)
	if err != nil {
		return 0, errors.New("it compares with something other than a number")
	}
	return sign * v, nil
}

package plan

import (
	"errors"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/queries"
)

// syntax notes what is wrong with a query, at the character of the file that the
// position inside the query stands for.
func (b *book) syntax(path, what string, err error) {
	n := b.find(path)
	var se *queries.SyntaxError
	if !errors.As(err, &se) || se.Column <= 0 || b.nodes[path] == nil || n.Kind != yaml.ScalarNode {
		b.at(path, "%s: %v", what, err)
		return
	}
	line, column := b.locate(n, se.Line, se.Column)
	b.add(Fault{Line: line, Column: column, Path: path, Text: what + ": " + se.Text})
}

// locate translates a position inside a scalar's value into one in the file. YAML
// folds and indents, but what it changes is white space alone: so the n-th
// other character of the value is the n-th other character of the file, from where
// the scalar begins.
func (b *book) locate(n *yaml.Node, line, column int) (fileLine, fileColumn int) {
	before, all := ink(n.Value, line, column)
	past := 0
	if before > 0 && before == all { // the end of the value
		before, past = before-1, 1
	}
	i, j := b.begin(n)
	for ; i < len(b.lines); i, j = i+1, 0 {
		row := []rune(b.lines[i])
		for j < len(row) {
			width, counts := inkAt(row[j:], n.Style)
			if counts && before == 0 {
				return i + 1, j + 1 + past
			}
			if counts {
				before--
			}
			j += width
		}
	}
	return n.Line, n.Column
}

// ink counts the characters of a text that are not white space: those before a
// position in it, and all.
func ink(text string, line, column int) (before, all int) {
	row, col := 1, 1
	for _, r := range text {
		if !unicode.IsSpace(r) {
			all++
			if row < max(line, 1) || row == max(line, 1) && col < column {
				before++
			}
		}
		col++
		if r == '\n' {
			row, col = row+1, 1
		}
	}
	return before, all
}

// begin returns the line and column, from 0, at which a scalar's text begins: behind
// its anchor, its tag and its opening quote, or below the head of a block.
func (b *book) begin(n *yaml.Node) (line, column int) {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Line, 0
	}
	line, column = n.Line-1, n.Column-1
	if line < 0 || line >= len(b.lines) {
		return len(b.lines), 0
	}
	row := []rune(b.lines[line])
	for column < len(row) && (row[column] == '&' || row[column] == '!') {
		for column < len(row) && !unicode.IsSpace(row[column]) {
			column++
		}
		for column < len(row) && unicode.IsSpace(row[column]) {
			column++
		}
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		column++
	}
	return line, column
}

// inkAt returns how many characters of the file the next character of the value
// takes, and whether that is one that is not white space.
func inkAt(row []rune, style yaml.Style) (width int, counts bool) {
	switch {
	case unicode.IsSpace(row[0]):
		return 1, false
	case style&yaml.SingleQuotedStyle != 0 && row[0] == '\'' && len(row) > 1 && row[1] == '\'':
		return 2, true
	case style&yaml.DoubleQuotedStyle == 0 || row[0] != '\\':
		return 1, true
	case len(row) == 1: // the line goes on below
		return 1, false
	}
	switch row[1] {
	case 'n', 't', 'r', 'v', 'f', ' ', 'N', '_', 'L', 'P', '\t':
		return 2, false
	case 'x':
		return 4, true
	case 'u':
		return 6, true
	case 'U':
		return 10, true
	}
	return 2, true
}

// splitLines cuts a file into lines without their ends.
func splitLines(text string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
}

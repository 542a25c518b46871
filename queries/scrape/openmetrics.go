package scrape

import (
	"bytes"
	"math"
	"strconv"
)

// classicText rewrites a page in OpenMetrics, which some clients send whatever they
// are asked for, as classic text: comments, types and exemplars are left out, and
// times become milliseconds. Samples keep their names, so that nothing is lost that a
// query could ask for. A line that it does not understand it leaves as it is, for the
// decoder to refuse.
func classicText(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\n")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		cut := valueStart(line)
		fields := bytes.Fields(line[cut:])
		for i, f := range fields {
			if f[0] == '#' { // an exemplar
				fields = fields[:i]
				break
			}
		}
		out = append(append(out, line[:cut]...), ' ')
		switch len(fields) {
		case 1:
			out = append(out, fields[0]...)
		case 2:
			out = append(append(append(out, fields[0]...), ' '), millis(fields[1])...)
		default:
			out = append(out, line[cut:]...)
		}
		out = append(out, '\n')
	}
	return out
}

// valueStart returns where a line's name and labels end.
func valueStart(line []byte) int {
	quoted, braces := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			braces = true
		case c == '}':
			return i + 1
		case c == ' ' && !braces:
			return i
		}
	}
	return len(line)
}

// millis turns seconds into whole milliseconds.
func millis(seconds []byte) []byte {
	s, err := strconv.ParseFloat(string(seconds), 64)
	if ms := math.Round(s * 1000); err == nil && math.Abs(ms) < 1<<53 {
		return strconv.AppendInt(nil, int64(ms), 10)
	}
	return seconds
}

package queries

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Column is one number for each block. NaN marks a gap; JSON writes it as null.
type Column []float64

// Gap is the value of a block without a sample.
func Gap() float64 { return math.NaN() }

// IsGap reports whether a column's value marks a block without a sample.
func IsGap(v float64) bool { return math.IsNaN(v) }

// Gaps returns a column of n gaps.
func Gaps(n int) Column {
	c := make(Column, n)
	for i := range c {
		c[i] = math.NaN()
	}
	return c
}

// MarshalJSON writes the shortest digits that read back as the same numbers.
// An infinity is an error: no count or mean is infinite.
func (c Column) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	b := make([]byte, 0, 8*len(c)+2)
	b = append(b, '[')
	for i, v := range c {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case math.IsNaN(v):
			b = append(b, "null"...)
		case math.IsInf(v, 0):
			return nil, fmt.Errorf("queries: column has an infinity at block %d", i)
		default:
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Column) UnmarshalJSON(b []byte) error {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		*c = nil
		return nil
	}
	var vs []*float64
	if err := json.Unmarshal(b, &vs); err != nil {
		return fmt.Errorf("queries: column: %w", err)
	}
	out := make(Column, len(vs))
	for i, v := range vs {
		out[i] = math.NaN()
		if v != nil {
			out[i] = *v
		}
	}
	*c = out
	return nil
}

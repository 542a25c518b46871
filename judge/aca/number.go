package aca

import (
	"math"
	"strconv"
)

// Number is a number in Kayenta's JSON, where those that JSON cannot say are the
// strings "NaN", "Infinity" and "-Infinity".
type Number float64

// MarshalJSON writes the number.
func (n Number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
	}
}

// UnmarshalJSON reads the number. Null leaves it unchanged.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := string(data)
	switch text {
	case "null":
		return nil
	case `"NaN"`:
		text = "NaN"
	case `"Infinity"`:
		text = "+Inf"
	case `"-Infinity"`:
		text = "-Inf"
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return &numberError{text: text}
	}
	*n = Number(v)
	return nil
}

// numberError says that a JSON value is not a number.
type numberError struct{ text string }

// Error says what was found and what is accepted.
func (e *numberError) Error() string {
	return e.text + ` is not a number; write one, or "NaN", "Infinity" or "-Infinity"`
}

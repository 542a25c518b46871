package judge

import "fmt"

// String returns the outcome's word.
func (o Outcome) String() string {
	switch o {
	case Continue:
		return "continue"
	case Promote:
		return "promote"
	case Rollback:
		return "rollback"
	case Inconclusive:
		return "inconclusive"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// MarshalText writes the outcome's word.
func (o Outcome) MarshalText() ([]byte, error) {
	if o < Continue || o > Inconclusive {
		return nil, fmt.Errorf("judge: no such outcome: %d", int(o))
	}
	return []byte(o.String()), nil
}

// UnmarshalText reads the outcome's word.
func (o *Outcome) UnmarshalText(b []byte) error {
	for c := Continue; c <= Inconclusive; c++ {
		if c.String() == string(b) {
			*o = c
			return nil
		}
	}
	return fmt.Errorf("judge: no such outcome: %q", b)
}

package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// durationText is a time as it is written: 90s, 10m, 1h30m.
type durationText time.Duration

func (t *durationText) parse(n *yaml.Node) error {
	text := strings.TrimSpace(n.Value)
	if tag := n.ShortTag(); tag == "!!int" || tag == "!!float" {
		return fmt.Errorf("%s has no unit; write %ss, %sm or %sh", text, text, text, text)
	}
	v, err := time.ParseDuration(text)
	switch {
	case err != nil && strings.HasSuffix(text, "d"):
		if days, e := strconv.ParseFloat(strings.TrimSuffix(text, "d"), 64); e == nil {
			return fmt.Errorf("a day is not a unit here; write %gh", days*24)
		}
		fallthrough
	case err != nil:
		return fmt.Errorf("%q is not a duration; write for example 90s, 10m or 1h30m", n.Value)
	case v < 0:
		return fmt.Errorf("%s is negative; write a duration of zero or more", text)
	}
	*t = durationText(v)
	return nil
}

// or returns the duration, or a default where none was given.
func (t *durationText) or(def time.Duration) time.Duration {
	if t == nil {
		return def
	}
	return time.Duration(*t)
}

// quantity is a number with a unit: 25%, 0.05pp, 300ms, 2 restarts. The unit may be
// empty.
type quantity struct {
	value float64
	unit  string
	text  string
}

var errNotQuantity = errors.New("not a number with a unit")

// parseQuantity reads a number that is not negative, and the unit behind it.
func parseQuantity(text string) (quantity, error) {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
		end++
	}
	v, err := strconv.ParseFloat(text[:end], 64)
	unit := strings.TrimSpace(text[end:])
	if err != nil || math.IsInf(v, 0) || !validUnit(unit) {
		return quantity{}, errNotQuantity
	}
	return quantity{value: v, unit: unit, text: text}, nil
}

// validUnit accepts what may stand behind a number: a word, or %.
func validUnit(u string) bool {
	if u == "%" {
		return true
	}
	for i, r := range u {
		letter := unicode.IsLetter(r)
		if !letter && (i == 0 || !unicode.IsNumber(r) && !strings.ContainsRune("_ /.-", r)) {
			return false
		}
	}
	return len(u) <= 64
}

// quantityText is the bound of a limit.
type quantityText struct{ quantity }

func (t *quantityText) parse(n *yaml.Node) error {
	q, err := parseQuantity(n.Value)
	if err != nil {
		return fmt.Errorf("%q is not a number with a unit; write for example 25%%, 300ms or 2", n.Value)
	}
	t.quantity = q
	return nil
}

// marginText is a worsening as it is written: a relative part in percent, an absolute
// part, or both: 10% + 0.05pp.
type marginText struct {
	relative float64
	absolute *quantity
	text     string
}

const marginAdvice = "write for example 10%, 0.05pp or 10% + 0.05pp"

func (t *marginText) parse(n *yaml.Node) error {
	m, err := parseMargin(n.Value)
	if err != nil {
		return err
	}
	*t = m
	return nil
}

// parseMargin reads a margin.
func parseMargin(text string) (marginText, error) {
	m := marginText{text: strings.TrimSpace(text)}
	relative := false
	for term := range strings.SplitSeq(text, "+") {
		q, err := parseQuantity(term)
		switch {
		case err != nil:
			return marginText{}, fmt.Errorf("%q is not a margin; %s", text, marginAdvice)
		case q.unit == "" && q.value == 0 && strings.TrimSpace(text) == "0":
			return m, nil // nothing is nothing in any unit
		case q.unit == "":
			return marginText{}, unitless(q)
		case q.unit == "%" && relative:
			return marginText{}, fmt.Errorf("%q has two relative parts; %s", text, marginAdvice)
		case q.unit == "%":
			relative, m.relative = true, round(q.value/100)
		case m.absolute != nil:
			return marginText{}, fmt.Errorf("%q has two absolute parts; %s", text, marginAdvice)
		default:
			m.absolute = &q
		}
	}
	return m, nil
}

// unitless says what a bare number in a margin may have meant.
func unitless(q quantity) error {
	percent := q.value
	if percent < 1 {
		percent *= 100
	}
	return fmt.Errorf("%s has no unit, so it may mean a fraction, percent or percentage points; write %s%% (relative) or %spp (percentage points)",
		q.text, decimal(percent), decimal(percent))
}

// short writes a duration as one would: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// round takes the binary dust from a decimal that was scaled: 0.29·100 is 29.
func round(x float64) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 14, 64), 64)
	if err != nil {
		return x
	}
	return v
}

// probabilityText is a probability: 0.05 or 5%.
type probabilityText float64

func (t *probabilityText) parse(n *yaml.Node) error {
	q, err := parseQuantity(n.Value)
	switch {
	case err != nil || q.unit != "" && q.unit != "%":
		return fmt.Errorf("%q is not a probability; write for example 0.05 or 5%%", n.Value)
	case q.unit == "%":
		q.value = round(q.value / 100)
	}
	if q.value <= 0 || q.value > 0.5 {
		return fmt.Errorf("%s is out of range; write a probability above 0 and up to 0.5, for example 0.05", n.Value)
	}
	*t = probabilityText(q.value)
	return nil
}

// or returns the probability, or a default where none was given.
func (t *probabilityText) or(def float64) float64 {
	if t == nil {
		return def
	}
	return float64(*t)
}

package report

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge"
)

// none stands where there is no number.
const none = "–"

// number writes three significant digits, without an exponent where people would
// not use one.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case a == 0:
		return "0"
	case a >= 100 && a < 1e15:
		return count(v)
	case a >= 1e-4 && a < 100:
		s := strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(a)))), 64)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// count writes a whole number with its thousands separated.
func count(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	s := strconv.FormatFloat(math.Abs(math.Round(v)), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v <= -0.5 {
		s = "-" + s
	}
	return s
}

// short writes a count in few characters: 950, 2.15k, 11k, 3.2M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return number(v/1e6) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', 0, 64) + "k"
	case v >= 1e3:
		return number(v/1e3) + "k"
	}
	return count(v)
}

// plural writes a number of things.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(float64(n)) + " " + one + "s"
}

// value writes a number in its unit. Ratios are percentages, seconds below one are
// milliseconds, bytes have their multiples.
func value(v float64, unit string) string {
	switch unit {
	case "":
		return number(v)
	case "ratio":
		return number(v*100) + " %"
	case "s", "seconds":
		if math.Abs(v) < 1 {
			return number(v*1000) + " ms"
		}
		return number(v) + " s"
	case "bytes":
		units := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}
		i := 0
		for i < len(units)-1 && math.Abs(v) >= 1024 {
			v /= 1024
			i++
		}
		return number(v) + " " + units[i]
	}
	return number(v) + " " + clean(unit)
}

// odds writes evidence as odds: log10 1.92 is 84:1, and log10 -1 is 1:10.
func odds(log10 *float64) string {
	switch {
	case log10 == nil || math.IsNaN(*log10):
		return none
	case *log10 >= 6:
		return ">1,000,000:1"
	case *log10 <= -6:
		return "<1:1,000,000"
	case *log10 < 0:
		return "1:" + number(math.Pow(10, -*log10))
	}
	return number(math.Pow(10, *log10)) + ":1"
}

// strength is the word for evidence of odds E: below 3 none, below 20 weak, below
// the threshold notable, from there on decisive. The threshold is log10 of what rolls
// back, which may be less than 20; where it is unknown nothing is decisive.
func strength(log10, threshold float64) string {
	switch {
	case threshold > 0 && log10 >= threshold:
		return "decisive"
	case log10 >= math.Log10(20):
		return "notable"
	case log10 >= math.Log10(3):
		return "weak"
	}
	return "none"
}

// ratio writes canary over baseline with its interval.
func ratio(e *judge.Effect) string {
	if e == nil || !(e.Ratio > 0) {
		return none
	}
	s := number(e.Ratio) + "×"
	switch {
	case e.Low != nil && e.High != nil:
		s += " (" + number(*e.Low) + "–" + number(*e.High) + ")"
	case e.Low != nil:
		s += " (≥ " + number(*e.Low) + ")"
	case e.High != nil:
		s += " (≤ " + number(*e.High) + ")"
	}
	return s
}

// class is a finding's class in words.
func class(c judge.Class) string {
	switch c {
	case judge.Undecided:
		return "undecided"
	case judge.TooFew:
		return "too few"
	case judge.Silent:
		return "canary silent"
	case judge.LimitHit:
		return "limit crossed"
	case judge.Shown:
		return "shown only"
	}
	return clean(strings.ReplaceAll(string(c), "-", " "))
}

// stamp writes a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// mostMarks is how many marks may sit on one letter: writing systems need few, and more
// grow over the lines above and below.
const mostMarks = 3

// clean makes one printable line of a text that may come from anywhere: a terminal
// obeys what it is sent.
func clean(s string) string {
	plain, marks := true, 0
	for _, r := range s {
		if marks = countMarks(marks, r); obeyed(r) || marks > mostMarks {
			plain = false
			break
		}
	}
	if plain {
		return strings.TrimSpace(s)
	}
	marks = 0
	s = strings.Map(func(r rune) rune {
		if marks = countMarks(marks, r); marks > mostMarks {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || obeyed(r) }), " ")
}

// obeyed reports whether a character is anything but a space or one that is seen.
func obeyed(r rune) bool {
	return r != ' ' && (unicode.IsSpace(r) || !unicode.IsPrint(r)) || r == utf8.RuneError
}

// countMarks counts the marks on the letter before them.
func countMarks(before int, r rune) int {
	if unicode.Is(unicode.M, r) {
		return before + 1
	}
	return 0
}

// cut shortens a text to a number of bytes, at a character.
func cut(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	const mark = "…"
	room := bytes - len(mark)
	if room < 0 {
		return ""
	}
	for room > 0 && !utf8.RuneStart(s[room]) {
		room--
	}
	return strings.TrimRight(s[:room], " ") + mark
}

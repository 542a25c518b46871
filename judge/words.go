package judge

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes three significant digits without an exponent where people would
// not use one.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "unknown"
	case a == 0:
		return "0"
	case a >= 100 && a < 1e7:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 1e-4 && a < 1e7:
		s := strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(a)))), 64)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

// count writes a count with thousands separated.
func count(v float64) string {
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// percent writes a fraction as a percentage.
func percent(v float64) string { return number(v*100) + " %" }

// withUnit writes a value in its unit; seconds below one are written in
// milliseconds, bytes in their multiples.
func withUnit(v float64, unit string) string {
	switch unit {
	case "ratio":
		return percent(v)
	case "s", "seconds":
		if math.Abs(v) < 1 {
			return number(v*1000) + " ms"
		}
		return number(v) + " s"
	case "bytes":
		return bytesWords(v)
	case "":
		return number(v)
	}
	return number(v) + " " + unit
}

func bytesWords(v float64) string {
	units := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for i < len(units)-1 && math.Abs(v) >= 1024 {
		v /= 1024
		i++
	}
	return number(v) + " " + units[i]
}

// odds writes evidence as odds: log10 1.92 is "84:1".
func odds(log10 float64) string {
	switch {
	case log10 >= 6:
		return "over 1,000,000:1"
	case log10 < -6:
		return "under 1:1,000,000"
	case log10 < 0:
		return "1:" + oddsNumber(math.Pow(10, -log10))
	}
	return oddsNumber(math.Pow(10, log10)) + ":1"
}

func oddsNumber(v float64) string {
	if v >= 100 {
		return count(v)
	}
	return number(v)
}

// strength is the word for evidence (STATISTICS §7). threshold is log10 of
// what rolls back, which may be less than 20.
func strength(log10, threshold float64) string {
	switch {
	case log10 >= threshold:
		return "decisive"
	case log10 >= math.Log10(20):
		return "notable"
	case log10 >= math.Log10(3):
		return "weak"
	}
	return "no"
}

// minutes writes a duration as people say it.
func minutes(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return number(d.Seconds()) + " s"
	case d < 2*time.Hour:
		return number(d.Minutes()) + " min"
	}
	return number(d.Hours()) + " h"
}

// blocksOf writes a number of blocks.
func blocksOf(n int) string {
	if n == 1 {
		return "1 block"
	}
	return count(float64(n)) + " blocks"
}

func join(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// round keeps six significant digits, so that verdicts do not differ in the last
// bits of a float.
func round(v float64) float64 {
	if v == 0 || !finite(v) {
		return v
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 5, 64), 64)
	if err != nil {
		return v
	}
	return r
}

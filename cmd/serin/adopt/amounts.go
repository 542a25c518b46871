package adopt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// decimal writes a number as people do, without what binary fractions add.
func decimal(x float64) string {
	if x == 0 || math.Abs(x) < 1e-12 {
		return "0"
	}
	return strconv.FormatFloat(rounded(x), 'f', -1, 64)
}

// rounded keeps ten digits.
func rounded(x float64) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 10, 64), 64)
	if err != nil {
		return x
	}
	return v
}

// promDuration writes a duration as PromQL does.
func promDuration(d time.Duration) string {
	if d%time.Second != 0 {
		return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms"
	}
	return short(d)
}

// short writes a duration without the zeros at its end.
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

// count says how many there are of something.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

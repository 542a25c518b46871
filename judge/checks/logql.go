package checks

import (
	"strings"
	"time"
)

// LogSelector returns the selector of streams that a LogQL query of lines begins with,
// {app="shop"}, or "" where it begins with something else.
func LogSelector(query string) string {
	query = strings.TrimSpace(query)
	if !strings.HasPrefix(query, "{") {
		return ""
	}
	for i := 1; i < len(query); i++ {
		switch query[i] {
		case '"', '`':
			end := closing(query, i)
			if end < 0 {
				return ""
			}
			i = end
		case '{':
			return ""
		case '}':
			if strings.TrimSpace(query[1:i]) == "" {
				return ""
			}
			return query[:i+1]
		}
	}
	return ""
}

// closing returns where the text ends that begins with the quote at i, or -1.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == s[i]:
			return j
		case s[j] == '\\' && s[i] == '"':
			j++
		}
	}
	return -1
}

// Span writes a length of time without its zeros: 5m, 1h30m.
func Span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

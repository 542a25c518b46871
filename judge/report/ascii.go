package report

import (
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// ASCII returns a text for terminals that show nothing else. Signs of reports become
// characters that look like them, letters lose their accents where a substitute is
// known, and all else is a question mark. The text stays as wide as it was, so that
// tables stay tables.
func ASCII(s string) string {
	const first = 0x80
	if strings.IndexFunc(s, func(r rune) bool { return r >= first }) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r < first:
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // it sits on the letter before it
		case lookalike(r) != 0:
			b.WriteByte(lookalike(r))
		default:
			b.WriteString(strings.Repeat("?", lipgloss.Width(string(r))))
		}
	}
	return b.String()
}

// lookalike returns the ASCII character for a sign of reports, 0 where there is none.
func lookalike(r rune) byte {
	switch r {
	case '✓':
		return '+'
	case '✗', '×':
		return 'x'
	case '–', '—', '−':
		return '-'
	case '·', '…', '▁', '□':
		return '.'
	case '→', '≥', '’':
		return map[rune]byte{'→': '>', '≥': '>', '’': '\''}[r]
	case '≤':
		return '<'
	case '±':
		return '~'
	case 'φ', 'Δ', 'δ', 'σ', 'α', 'β', 'γ', 'µ', 'μ':
		return map[rune]byte{'φ': 'f', 'Δ': 'd', 'δ': 'd', 'σ': 's', 'α': 'a', 'β': 'b', 'γ': 'g', 'µ': 'u', 'μ': 'u'}[r]
	case '\u00a0', '\u202f':
		return ' '
	case '▂', '▃', '▄', '▅', '▆', '▇', '█':
		return ":-=+*#@"[r-'▂']
	}
	return 0
}

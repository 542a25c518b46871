package calibrate

import (
	"github.com/serin-canary/serin/stats"
)

// confidence is the level of the intervals around rates.
const confidence = .95

// Rate is how often something happened among draws, with an interval of 95 % that knows
// that draws resemble each other.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Rate  float64 `json:"rate"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Effective is how many independent draws tell as much as these.
	Effective float64 `json:"effective"`
}

// rateOf returns a rate of draws of which as many as independent ones tell as much.
func rateOf(count, of int, independent float64) Rate {
	r := Rate{Count: count, Of: of, High: 1, Effective: independent}
	if of == 0 {
		return r
	}
	r.Rate = float64(count) / float64(of)
	if i, err := stats.ClopperPearson(r.Rate*independent, independent, confidence); err == nil {
		r.Low, r.High = i.Low, i.High
	}
	return r
}

package queries

import "time"

// Shift returns the window moved by d.
func (w Window) Shift(d time.Duration) Window {
	return Window{Start: w.Start.Add(d), End: w.End.Add(d), Block: w.Block}
}

// BlockFor returns the shortest of the usual lengths of a block that holds two samples of
// series whose samples are so far apart: a minute, or longer, up to half an hour.
func BlockFor(apart time.Duration) time.Duration {
	for _, b := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute} {
		if b >= 2*apart {
			return b
		}
	}
	return 30 * time.Minute
}

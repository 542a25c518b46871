package queries

import "time"

// Shift returns the window moved by d.
func (w Window) Shift(d time.Duration) Window {
	return Window{Start: w.Start.Add(d), End: w.End.Add(d), Block: w.Block}
}

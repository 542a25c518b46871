package judge

// PeaksOf returns the highest evidence of harm that a record holds, as of a look. It is
// pure, and costs as much as one look.
func PeaksOf(rec Record, look Verdict) Peaks {
	in := Input{Record: rec, Closed: look.Progress.Blocks}
	in.Record.Latch = nil
	return peaksOf(gathered(in))
}

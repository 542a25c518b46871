package lab

// seriesCase is a scenario on recorded numbers.
type seriesCase struct {
	plan string
}

package queries

// Understand says what a query asks for. It fails only where the text does not
// parse; what it cannot read as counts is a [Gauge], with the reason.
func Understand(q Query) (Reading, error) { panic("skeleton") }

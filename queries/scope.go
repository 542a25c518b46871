package queries

// Scoped returns the query narrowed to the series that agree with every matcher,
// by rewriting its syntax tree. It fails with a *[SyntaxError] where the text does
// not parse, where a node of the tree is unknown, or where a matcher contradicts one
// that is there already.
func (q Query) Scoped(matchers []Matcher) (Query, error) { panic("skeleton") }

// ParseSelector reads a PromQL matcher list without braces:
// namespace="shop", pod=~"checkout-.*".
func ParseSelector(text string) ([]Matcher, error) { panic("skeleton") }

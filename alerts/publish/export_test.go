package publish

import "time"

// Hurry makes a publisher ask again at once.
func (p *Prometheus) Hurry() *Prometheus {
	p.every = time.Millisecond
	return p
}

package webhooks

import "sync/atomic"

// mostStreams bounds how many pages are kept up to date at once: each asks the journal
// every few seconds.
const mostStreams = 200

// streams counts the pages that are kept up to date.
type streams struct{ open atomic.Int64 }

// enter takes a place, if there is one.
func (s *streams) enter() bool {
	if s.open.Add(1) > mostStreams {
		s.leave()
		return false
	}
	return true
}

func (s *streams) leave() { s.open.Add(-1) }

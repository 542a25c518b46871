package outbox

import (
	"sync"
	"time"
)

// The breaker of a target opens after so many failures in a row, for so long at
// first, and for twice as long each time that the probe fails.
const (
	trip        = 5
	firstRest   = 10 * time.Second
	longestRest = 5 * time.Minute
)

// breakers keep work from targets that fail again and again. They are this
// process's own: another replica finds out for itself.
type breakers struct {
	now func() time.Time

	mu sync.Mutex
	of map[string]*breaker
}

// breaker is a target that has failed. Targets without one are well.
type breaker struct {
	failures int
	rest     time.Duration
	until    time.Time // open until then; zero while closed
	probing  time.Time // when the probe under way began; zero where there is none
}

// allow reports whether a target may be tried now, and if not, how long to wait.
// Once it has rested, one attempt probes it, and the others wait for that one; a
// probe that was not heard of again for longest is over.
func (b *breakers) allow(target string, longest time.Duration) (wait time.Duration, ok bool) {
	if target == "" {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s, known := b.of[target]
	if !known || s.until.IsZero() {
		return 0, true
	}
	now := b.now()
	if wait := s.until.Sub(now); wait > 0 {
		return wait, false
	}
	if !s.probing.IsZero() && now.Sub(s.probing) < longest {
		return time.Second, false
	}
	s.probing = now
	return 0, true
}

// note records how an attempt ended. What the target refused for good, it
// answered: that is no failure of the target.
func (b *breakers) note(target string, failed bool) {
	if target == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !failed {
		delete(b.of, target)
		return
	}
	if b.of == nil {
		b.of = map[string]*breaker{}
	}
	s, known := b.of[target]
	if !known {
		s = &breaker{}
		b.of[target] = s
	}
	s.failures++
	probe := !s.probing.IsZero()
	s.probing = time.Time{}
	switch {
	case probe:
		s.rest = min(2*s.rest, longestRest)
	case s.failures >= trip && s.until.IsZero():
		s.rest = firstRest
	default:
		return
	}
	s.until = b.now().Add(s.rest)
}

// open returns the targets that are not tried now, or only by a probe.
func (b *breakers) open() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := map[string]bool{}
	for target, s := range b.of {
		m[target] = !s.until.IsZero()
	}
	return m
}

// release forgets a probe that came to nothing.
func (b *breakers) release(target string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.of[target]; ok {
		s.probing = time.Time{}
	}
}

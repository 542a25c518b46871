package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Attempt is what one attempt of a check came to. Said continues a sentence that
// starts with the probe's name.
type Attempt struct {
	Status Status
	Said   string
	// Told says that Status already tells the caller's giving up from a failure. Without
	// it a failure when the caller's time is over counts as given up.
	Told bool

	// givenUp says that the probed had not answered when the caller's time was over.
	givenUp bool
}

// Failing is an attempt that was answered otherwise than it must be, or not at all.
func Failing(format string, args ...any) Attempt {
	return Attempt{Status: Failed, Said: fmt.Sprintf(format, args...)}
}

// Breaking is an attempt that could not be made.
func Breaking(format string, args ...any) Attempt {
	return Attempt{Status: Broken, Said: fmt.Sprintf(format, args...)}
}

// Probe is a check that is ready to be tried.
type Probe struct {
	Name string // what sentences call it: TCP db:5432
	// Within bounds one attempt.
	Within time.Duration
	Try    func(context.Context) Attempt
}

// Clock is what a runner needs of time. The zero value is usable.
type Clock struct {
	Now     func() time.Time // default time.Now
	Timeout time.Duration    // of an attempt of a check that sets none (default 10 s)
	Pause   time.Duration    // between two attempts (default 250 ms)
}

// WithDefaults returns a clock with what is not set.
func (c Clock) WithDefaults() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Pause <= 0 {
		c.Pause = 250 * time.Millisecond
	}
	return c
}

// Run prepares a check and tries it, again after a failure as often as the check says.
// It returns a broken result where that panics: a check fails alone.
func (c Clock) Run(ctx context.Context, s Spec, prepare func() (Probe, error)) (result Result) {
	c = c.WithDefaults()
	result = Result{Name: s.Name, Status: Broken, At: c.Now().UTC()}
	defer func() {
		if recover() != nil {
			result.Status, result.Reason = Broken, "the check could not be run: its runner failed; this is a defect of the server"
		}
		result.Took = c.Now().Sub(result.At)
	}()
	p, err := prepare()
	if err != nil {
		result.Reason = "the check could not be run: " + oneLine(err.Error())
		return result
	}
	attempts := 1 + max(0, s.Retries)
	var before []string
	for {
		result.Attempts++
		a := c.once(ctx, p)
		result.Status, result.GivenUp = a.Status, a.givenUp
		result.Reason = p.Name + " " + a.Said
		if len(before) > 0 {
			result.Reason += fmt.Sprintf("; attempt %d of %d (before: %s)", result.Attempts, attempts, strings.Join(before, "; "))
		}
		if a.Status != Failed || result.Attempts == attempts {
			return result
		}
		if len(before) == 0 || before[len(before)-1] != a.Said {
			before = append(before, a.Said)
		}
		if !c.pause(ctx) {
			result.Status, result.GivenUp = Broken, true
			result.Reason = p.Name + " " + a.Said + ", and the caller gave up before it could be tried again"
			return result
		}
	}
}

// once makes one attempt in bounded time.
func (c Clock) once(ctx context.Context, p Probe) Attempt {
	limit := p.Within
	if limit <= 0 {
		limit = c.Timeout
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a := p.Try(bound)
	if a.Status == Failed && ctx.Err() != nil && !a.Told {
		a = Breaking("was given up by the caller before it was answered")
		a.givenUp = true
	}
	return a
}

// pause waits between two attempts. It returns false where the caller gave up.
func (c Clock) pause(ctx context.Context) bool {
	timer := time.NewTimer(c.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Unreached turns the error of a connection into an attempt: a refusal of the guard
// breaks the check, all else fails it.
func Unreached(err error) Attempt {
	if no := Refusal(err); no != nil {
		return Breaking("was not tried: %s", oneLine(no.Error()))
	}
	return Failing("was not reached: %s", Cause(err))
}

// Cause says in one line why a connection or a request failed, without its URL.
func Cause(err error) string {
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return "it took longer than it may"
	}
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return Line(err.Error(), 200)
		}
		err = u.Err
	}
}

// Line returns at most a number of characters of a text, in one printable line.
func Line(text string, most int) string { return clip(oneLine(text), most) }

// Excerpt writes the beginning of what a server said, in quotes and without what looks
// like a credential.
func Excerpt(text string) string { return strconv.Quote(clip(oneLine(hide(cutBytes(text), nil)), 80)) }

// Took writes a time as people say it: under 0.1 ms, 0.4 ms, 12 ms, 1.25 s.
func Took(d time.Duration) string {
	switch {
	case d < 100*time.Microsecond:
		return "under 0.1 ms"
	case d < time.Millisecond:
		return trimZeros(strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64)) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return trimZeros(strconv.FormatFloat(d.Seconds(), 'f', 2, 64)) + " s"
}

func trimZeros(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

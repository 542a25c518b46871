package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// slower is when to come again after a throttled call.
const slower = 10 * time.Second

// meaning says what the error codes of an operation mean. A code that is in
// neither list is tried again: permissions are granted and services recover while
// the deadline runs.
type meaning struct {
	call string // for people: "codedeploy:StopDeployment", as a policy names it
	// done are codes after which there is nothing left to do.
	done []string
	// permanent are codes that no later attempt will mend.
	permanent []string
}

// of returns what a call's error means to the queue; nil where the work is done.
// The text names the call and the code, never what was signed or sent.
func (m meaning) of(err error) error {
	if err == nil {
		return nil
	}
	var answered smithy.APIError
	if !errors.As(err, &answered) {
		return fmt.Errorf("%s: no answer: %s", m.call, oneLine(err.Error()))
	}
	code := answered.ErrorCode()
	if slices.Contains(m.done, code) {
		return nil
	}
	said := oneLine(answered.ErrorMessage())
	if unsigned(code) {
		said = "the service does not take the signature; check the clock and the credentials"
	}
	out := fmt.Errorf("%s: %s: %s", m.call, code, said)
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case slices.Contains(m.permanent, code):
		return fmt.Errorf("%w: %w", out, outbox.ErrPermanent)
	case throttled:
		return &outbox.LaterError{Err: out, After: slower}
	case slices.Contains([]string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}, code):
		return fmt.Errorf("%w: %w to the role that Serin runs as", out, &deniedError{m.call})
	}
	return out
}

// unsigned reports whether a code is about a request's signature. What the services say
// of those repeats the request as it was signed: the session's token and the key's ID
// are in it.
func unsigned(code string) bool {
	return strings.Contains(code, "Signature") || slices.Contains([]string{"MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidClientTokenId"}, code)
}

// ErrDenied marks an error of credentials that are good and do not allow the call.
var ErrDenied = errors.New("aws: the credentials do not allow it")

// deniedError names what to allow.
type deniedError struct{ call string }

// Error says what to do.
func (e *deniedError) Error() string { return "allow " + e.call }

// Is makes it an ErrDenied.
func (e *deniedError) Is(target error) bool { return target == ErrDenied }

// codeOf returns the code of an answer, or "" where there was none.
func codeOf(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}

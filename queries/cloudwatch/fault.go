package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/store"
)

// errRefused is the cause of an error about what was asked, and not about who asks or
// when.
var errRefused = errors.New("cloudwatch: the question was refused")

// fault turns an error of the SDK into one that a source returns, in CloudWatch's own
// words.
func (s *Source) fault(err error) error {
	var said smithy.APIError
	var unread *smithy.DeserializationError
	if !errors.As(err, &said) {
		if errors.As(err, &unread) && !errors.Is(err, store.ErrTooLarge) && !timedOut(err) {
			return s.malformed("its answer cannot be read: " + words(unread.Err.Error()))
		}
		if strings.Contains(err.Error(), "get credentials") {
			return s.rejected("there are no credentials that can be used: "+words(err.Error()), nil)
		}
		return store.Unreached(s.cfg.Name, s.cfg.Timeout, err)
	}
	out := &queries.Error{Source: s.cfg.Name}
	code, text := said.ErrorCode(), words(said.ErrorMessage())
	var answered *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answered) {
		status = answered.HTTPStatusCode()
		if answered.Response != nil {
			out.RetryAfter = store.RetryAfter(answered.Response.Header)
		}
	}
	switch {
	case throttling(code) || status == http.StatusTooManyRequests:
		out.Fault, out.Text = queries.Throttled, fmt.Sprintf("it asks to be asked less often (%s): %s", code, text)
	case status >= 500 || said.ErrorFault() == smithy.FaultServer:
		out.Fault, out.Text = queries.Unavailable, fmt.Sprintf("it failed (%s): %s", code, text)
	case status == http.StatusForbidden || denied(code):
		out.Fault, out.Text = queries.Rejected, fmt.Sprintf("it refuses these credentials (%s): %s; they need cloudwatch:GetMetricData and cloudwatch:ListMetrics", code, text)
	default:
		out.Fault, out.Text, out.Err = queries.Rejected, fmt.Sprintf("it refuses the question (%s): %s", code, text), errRefused
	}
	return out
}

// timedOut reports whether time or the caller ended an answer while it was read.
func timedOut(err error) bool {
	var timer net.Error
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timer) && timer.Timeout()
}

func throttling(code string) bool {
	return strings.HasPrefix(code, "Throttl") || code == "RequestLimitExceeded" || code == "LimitExceededFault" || code == "TooManyRequestsException"
}

func denied(code string) bool {
	for _, part := range []string{"AccessDenied", "UnauthorizedOperation", "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "MissingAuthenticationToken", "UnrecognizedClient", "OptInRequired"} {
		if strings.Contains(code, part) {
			return true
		}
	}
	return false
}

// words is a text of AWS without the identifiers of access keys.
func words(text string) string {
	return store.Redact(regexp.MustCompile(`\bA(KIA|SIA|ROA|IDA)[A-Z0-9]{12,}`).ReplaceAllString(text, "***"))
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// pathHook is where Serin takes CodeDeploy's hooks.
const pathHook = "/codedeploy/hook"

// deployEvent is an event of CodeDeploy: it has nothing else.
type deployEvent struct {
	DeploymentID string
	ExecutionID  string
}

// hookCall is what Serin is told of a hook.
type hookCall struct {
	DeploymentID    string `json:"deploymentId"`
	ExecutionID     string `json:"lifecycleEventHookExecutionId"`
	Hook            string `json:"hook"`
	Application     string `json:"application"`
	DeploymentGroup string `json:"deploymentGroup"`
	Platform        string `json:"platform"`
	Region          string `json:"region"`
	Service         string `json:"service,omitempty"`
	Namespace       string `json:"namespace,omitempty"`
	Revision        string `json:"revision,omitempty"`
	Plan            string `json:"plan,omitempty"`
	Fallback        string `json:"fallback"`
}

// hookResult is what the function returns: nobody reads it but a person in the log.
type hookResult struct {
	Forwarded bool   `json:"forwarded"`
	Reported  string `json:"reported,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// codeDeploy hands a hook to Serin, which reports its result later; where it cannot,
// the result is reported here and now.
func (f *forwarder) codeDeploy(ctx context.Context, e shape, size int) (hookResult, error) {
	d := deployEvent{e.text("DeploymentId"), e.text("LifecycleEventHookExecutionId")}
	if d.DeploymentID == "" || d.ExecutionID == "" {
		f.log.Error("an event of CodeDeploy lacks an ID, so nothing can be reported", "deployment", d.DeploymentID)
		return hookResult{}, errors.New("the event of CodeDeploy needs DeploymentId and LifecycleEventHookExecutionId, both texts; nothing could be reported")
	}
	switch {
	case f.broken != nil:
		return f.settle(ctx, d, failed, fmt.Errorf("the function is configured wrongly: %w", f.broken))
	case f.settings.caller != callerCodeDeploy:
		return f.settle(ctx, d, failed, fmt.Errorf("the function has SERIN_CALLER=%s and was called by CodeDeploy", f.settings.caller))
	case size > maxEvent:
		return f.settle(ctx, d, failed, fmt.Errorf("an event of %d bytes is none of CodeDeploy's", size))
	}
	s := f.settings
	body, err := json.Marshal(hookCall{
		DeploymentID: d.DeploymentID, ExecutionID: d.ExecutionID, Hook: s.hook, Application: s.application, DeploymentGroup: s.group,
		Platform: s.platform, Region: s.region, Service: s.service, Namespace: s.namespace, Revision: s.revision, Plan: s.plan, Fallback: s.fallback,
	})
	if err != nil {
		return hookResult{}, err
	}
	short, cancel := asking(ctx)
	defer cancel()
	answer, err := f.serin.post(short, pathHook, body, f.serin.tries)
	if err == nil {
		err = wasTaken(answer)
	}
	var refused *refusedError
	switch {
	case err == nil:
		f.log.Info("handed to Serin, which reports to CodeDeploy", "deployment", d.DeploymentID, "hook", s.hook)
		return hookResult{Forwarded: true}, nil
	case errors.As(err, &refused):
		// Serin is there and will not judge this: that is no reason to let it pass.
		return f.settle(ctx, d, failed, err)
	}
	return f.settle(ctx, d, s.fallback, err)
}

// wasTaken checks that it was Serin that took a hook: what stands between, such as a page
// that asks to sign in, answers 200 too, and nobody would ever report the hook's result.
func wasTaken(answer []byte) error {
	var t struct{ Question string }
	switch err := json.Unmarshal(answer, &t); {
	case err != nil:
		return &refusedError{200, "its answer is not that of a Serin: " + printable(answer)}
	case t.Question == "":
		return &refusedError{200, "its answer names no question that it took: " + printable(answer)}
	}
	return nil
}

// settle reports a result because of a cause. Where that fails, so does the call,
// which Lambda then repeats.
func (f *forwarder) settle(ctx context.Context, d deployEvent, status string, why error) (hookResult, error) {
	f.log.Error("Serin does not judge this hook; reporting to CodeDeploy here", "deployment", d.DeploymentID, "status", status, "cause", why.Error())
	if err := f.reporter.report(ctx, d, status); err != nil {
		f.log.Error("the result could not be reported", "deployment", d.DeploymentID, "status", status, "cause", err.Error())
		return hookResult{}, fmt.Errorf("the result %s could not be reported to CodeDeploy: %w", status, err)
	}
	return hookResult{Reported: status, Reason: printable([]byte(why.Error()))}, nil
}

// codeDeployReporter reports through the AWS API.
type codeDeployReporter struct {
	client func() (*codedeploy.Client, error)
}

// newReporter returns a reporter that opens its client when it is needed, which is
// seldom: a start is faster without.
func newReporter() codeDeployReporter {
	return codeDeployReporter{client: sync.OnceValues(func() (*codedeploy.Client, error) {
		c, err := config.LoadDefaultConfig(context.Background(), config.WithRetryMaxAttempts(6))
		if err != nil {
			return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
		}
		return codedeploy.NewFromConfig(c), nil
	})}
}

// report implements reporter. A hook that was reported before is done.
func (r codeDeployReporter) report(ctx context.Context, d deployEvent, status string) error {
	c, err := r.client()
	if err != nil {
		return err
	}
	_, err = c.PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
		DeploymentId: aws.String(d.DeploymentID), LifecycleEventHookExecutionId: aws.String(d.ExecutionID),
		Status: types.LifecycleEventStatus(status),
	})
	var done *types.LifecycleEventAlreadyCompletedException
	if errors.As(err, &done) {
		return nil
	}
	return unsigned(err)
}

// unsigned leaves out what AWS says of a wrong signature: it repeats the request as it
// was signed, and the session's token with it.
func unsigned(err error) error {
	var answered interface {
		error
		ErrorCode() string
	}
	if !errors.As(err, &answered) {
		return err
	}
	if code := answered.ErrorCode(); strings.Contains(code, "Signature") || strings.HasPrefix(code, "MissingAuthenticationToken") || code == "InvalidClientTokenId" {
		return fmt.Errorf("AWS does not take the signature (%s); check the function's role and its variables", code)
	}
	return err
}

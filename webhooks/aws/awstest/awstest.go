// Package awstest stands in for CodeDeploy and ECS in tests. It was written from
// what their SDKs put on the wire and from the published errors, and never compared
// with the services: it proves Serin's side of the contract only.
package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// The operations that are answered, as X-Amz-Target names them.
const (
	Put      = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"
	Stop     = "CodeDeploy_20141006.StopDeployment"
	Get      = "CodeDeploy_20141006.GetDeployment"
	Continue = "AmazonEC2ContainerServiceV20141113.ContinueServiceDeployment"
	Describe = "AmazonEC2ContainerServiceV20141113.DescribeServiceDeployments"
	Revise   = "AmazonEC2ContainerServiceV20141113.DescribeServiceRevisions"
	List     = "CodeDeploy_20141006.ListDeploymentTargets"
	Targets  = "CodeDeploy_20141006.BatchGetDeploymentTargets"
)

// Call is a call that arrived.
type Call struct {
	Target, Region string
	Body           string // as it was sent
	At             time.Time
	// Took says that the service accepted it and did what it asks for.
	Took bool
}

// Failure is an answer that is given in place of the service's own.
type Failure struct {
	Status int
	Code   string // an exception's name; empty is an answer without one
	// After says that the service does the work before it fails, so that a caller
	// that tries again asks for it twice.
	After bool
}

// Fake is both services.
type Fake struct {
	URL string

	t      testing.TB
	server *httptest.Server

	mu          sync.Mutex
	calls       []Call
	failures    map[string][]Failure
	reported    map[string]string // by execution ID
	stopped     map[string]bool
	released    map[string]string // by hook ID
	deployments map[string]string // JSON: of ECS by ARN, of CodeDeploy by ID
	arrived     func(Call)
}

// New starts a fake and has the SDK find it and its credentials in the environment.
func New(t testing.TB) *Fake {
	f := &Fake{
		t: t, failures: map[string][]Failure{}, reported: map[string]string{}, stopped: map[string]bool{},
		released: map[string]string{}, deployments: map[string]string{},
	}
	f.server = httptest.NewServer(f)
	f.URL = f.server.URL
	t.Cleanup(f.server.Close)
	return f
}

// Environment returns the variables by which the SDK finds the fake, and credentials
// that are nobody's.
func (f *Fake) Environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_CODEDEPLOY": f.URL, "AWS_ENDPOINT_URL_ECS": f.URL, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secretsecretsecret",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	}
}

// Fail has the next calls of an operation fail, one for each failure.
func (f *Fake) Fail(target string, with ...Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures[target] = append(f.failures[target], with...)
}

// Tell has f called with each call, before it is answered.
func (f *Fake) Tell(arrived func(Call)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrived = arrived
}

// Put has a deployment described by a JSON object: of ECS by its ARN, of CodeDeploy by
// its ID, its one target by "targets " and the ID. What is put for the ARN of a service
// revision is its task definition's ARN.
func (f *Fake) Put(arn, deployment string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deployments[arn] = deployment
}

// Calls returns the calls of an operation, in the order in which they arrived.
func (f *Fake) Calls(target string) []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Call
	for _, c := range f.calls {
		if c.Target == target {
			out = append(out, c)
		}
	}
	return out
}

// Taken returns how many calls of an operation had an effect.
func (f *Fake) Taken(target string) int {
	n := 0
	for _, c := range f.Calls(target) {
		if c.Took {
			n++
		}
	}
	return n
}

// Reported returns the result of a lifecycle hook, or "".
func (f *Fake) Reported(execution string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reported[execution]
}

// Released returns the action by which a paused hook was released, or "".
func (f *Fake) Released(hook string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.released[hook]
}

// signed is the form of a request's signature, version 4.
var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[A-Z0-9]+/\d{8}/([a-z0-9-]+)/(codedeploy|ecs)/aws4_request, ` +
	`SignedHeaders=[a-z0-9;-]*\bhost\b[a-z0-9;-]*\bx-amz-date\b[a-z0-9;-]*\bx-amz-target\b[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its sender was killed
	}
	c := Call{Target: r.Header.Get("X-Amz-Target"), Body: string(body), At: time.Now()}
	m := signed.FindStringSubmatch(r.Header.Get("Authorization"))
	switch {
	case m == nil:
		f.t.Errorf("%s: got Authorization %q, want a signature of version 4 over the host, the date and the target", c.Target, r.Header.Get("Authorization"))
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.1"):
		f.t.Errorf("%s: got Content-Type %q, want JSON 1.1", c.Target, r.Header.Get("Content-Type"))
	case r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("X-Amz-Date") == "":
		f.t.Errorf("got %s %s dated %q, want a dated POST /", r.Method, r.URL.Path, r.Header.Get("X-Amz-Date"))
	default:
		c.Region = m[1]
	}
	status, answer, arrived := f.answer(&c)
	if arrived != nil {
		arrived(c)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) // the sender may have been killed
}

func (f *Fake) answer(c *Call) (status int, answer string, arrived func(Call)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.calls = append(f.calls, *c) }()
	queue := f.failures[c.Target]
	if len(queue) == 0 {
		status, answer = f.serve(c)
		return status, answer, f.arrived
	}
	next := queue[0]
	f.failures[c.Target] = queue[1:]
	if next.After {
		f.serve(c)
	}
	if next.Code == "" {
		return next.Status, "", f.arrived
	}
	return next.Status, exception(next.Code), f.arrived
}

// exception is the body of an error.
func exception(code string) string {
	return fmt.Sprintf(`{"__type":%q,"message":"said by the fake"}`, code)
}

// input is what any of the operations takes.
type input struct {
	DeploymentID   string   `json:"deploymentId"`
	ExecutionID    string   `json:"lifecycleEventHookExecutionId"`
	Status         string   `json:"status"`
	AutoRollback   *bool    `json:"autoRollbackEnabled"`
	HookID         string   `json:"hookId"`
	DeploymentARN  string   `json:"serviceDeploymentArn"`
	DeploymentARNs []string `json:"serviceDeploymentArns"`
	RevisionARNs   []string `json:"serviceRevisionArns"`
	TargetIDs      []string `json:"targetIds"`
	Action         string   `json:"action"`
}

// serve does what an operation does.
func (f *Fake) serve(c *Call) (int, string) {
	var in input
	d := json.NewDecoder(strings.NewReader(c.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		f.t.Errorf("%s: got %s: %v", c.Target, c.Body, err)
		return http.StatusBadRequest, exception("SerializationException")
	}
	switch c.Target {
	case Put:
		return f.put(c, in)
	case Stop:
		return f.stop(c, in)
	case Get:
		if text, known := f.deployments[in.DeploymentID]; known {
			return http.StatusOK, `{"deploymentInfo":` + text + `}`
		}
		return http.StatusBadRequest, exception("DeploymentDoesNotExistException")
	case Continue:
		return f.release(c, in)
	case Describe:
		return f.describe(in)
	case Revise:
		return f.revise(in)
	case List:
		if _, known := f.deployments["targets "+in.DeploymentID]; !known {
			return http.StatusOK, `{"targetIds":[]}`
		}
		return http.StatusOK, `{"targetIds":["the-only-one"]}`
	case Targets:
		return http.StatusOK, `{"deploymentTargets":[` + f.deployments["targets "+in.DeploymentID] + `]}`
	}
	f.t.Errorf("got the operation %q, which nothing of Serin's calls", c.Target)
	return http.StatusBadRequest, exception("UnknownOperationException")
}

func (f *Fake) put(c *Call, in input) (int, string) {
	switch {
	case in.DeploymentID == "" || in.ExecutionID == "":
		return http.StatusBadRequest, exception("DeploymentIdRequiredException")
	case in.Status != "Succeeded" && in.Status != "Failed":
		return http.StatusBadRequest, exception("InvalidLifecycleEventHookExecutionStatusException")
	case f.reported[in.ExecutionID] != "":
		return http.StatusBadRequest, exception("LifecycleEventAlreadyCompletedException")
	}
	f.reported[in.ExecutionID] = in.Status
	c.Took = true
	return http.StatusOK, fmt.Sprintf(`{"lifecycleEventHookExecutionId":%q}`, in.ExecutionID)
}

func (f *Fake) stop(c *Call, in input) (int, string) {
	if in.AutoRollback == nil || !*in.AutoRollback {
		f.t.Errorf("got %s, want autoRollbackEnabled", c.Body)
	}
	if f.stopped[in.DeploymentID] {
		return http.StatusBadRequest, exception("DeploymentAlreadyCompletedException")
	}
	f.stopped[in.DeploymentID] = true
	c.Took = true
	return http.StatusOK, `{"status":"Pending","statusMessage":"stopping"}`
}

func (f *Fake) release(c *Call, in input) (int, string) {
	switch {
	case in.HookID == "" || in.DeploymentARN == "":
		return http.StatusBadRequest, exception("InvalidParameterException")
	case in.Action != "CONTINUE" && in.Action != "ROLLBACK":
		f.t.Errorf("got %s, want an action that is written out", c.Body)
		return http.StatusBadRequest, exception("InvalidParameterException")
	case f.released[in.HookID] != "":
		return http.StatusBadRequest, exception("InvalidParameterException")
	}
	f.released[in.HookID] = in.Action
	c.Took = true
	return http.StatusOK, fmt.Sprintf(`{"serviceDeploymentArn":%q}`, in.DeploymentARN)
}

// revise answers with the task definitions that the test has put there, by the
// revisions' ARNs.
func (f *Fake) revise(in input) (int, string) {
	list := []map[string]string{}
	for _, arn := range in.RevisionARNs {
		if task, known := f.deployments[arn]; known {
			list = append(list, map[string]string{"serviceRevisionArn": arn, "taskDefinition": task})
		}
	}
	b, err := json.Marshal(map[string]any{"serviceRevisions": list})
	if err != nil {
		f.t.Errorf("the answer cannot be written: %v", err)
	}
	return http.StatusOK, string(b)
}

// describe answers with what the test has put there and with the hooks that were
// released.
func (f *Fake) describe(in input) (int, string) {
	var list []json.RawMessage
	for _, arn := range in.DeploymentARNs {
		text, known := f.deployments[arn]
		if !known {
			continue
		}
		var d map[string]any
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			f.t.Errorf("the test's deployment is not JSON: %v", err)
		}
		hooks, _ := d["lifecycleHookDetails"].([]any)
		for hook, action := range f.released {
			hooks = append(hooks, map[string]any{"hookId": hook, "targetType": "PAUSE", "status": map[string]string{"CONTINUE": "SUCCEEDED", "ROLLBACK": "FAILED"}[action]})
		}
		d["serviceDeploymentArn"], d["lifecycleHookDetails"] = arn, hooks
		b, err := json.Marshal(d)
		if err != nil {
			f.t.Errorf("the test's deployment cannot be written: %v", err)
		}
		list = append(list, b)
	}
	b, err := json.Marshal(map[string]any{"serviceDeployments": list, "failures": []any{}})
	if err != nil {
		f.t.Errorf("the answer cannot be written: %v", err)
	}
	return http.StatusOK, string(b)
}

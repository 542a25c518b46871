package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The callers that a function may serve.
const (
	callerCodeDeploy = "codedeploy"
	callerECS        = "ecs"
)

// The two words in which CodeDeploy takes a result.
const (
	succeeded = "Succeeded"
	failed    = "Failed"
)

// settings is the function's environment, read.
type settings struct {
	caller string
	url    string // of the server, without a slash at its end
	token  string // never logged
	region string

	// What the events of CodeDeploy do not say.
	hook, application, group, platform string
	service, namespace, revision, plan string

	// fallback is what is answered where Serin cannot be reached: succeeded or failed.
	fallback string
	// timeout bounds one attempt to reach Serin, and tries their number in one call.
	timeout time.Duration
	tries   int
	// ecsTries is how many calls of one ECS hook in a row may miss Serin before the
	// fallback; ecsDelay is when ECS calls again.
	ecsTries int
	ecsDelay time.Duration
}

// prefix begins the name of every variable that is ours.
const prefix = "SERIN_"

// everyCaller, ofCodeDeploy and ofECS are the names of the variables, without their
// prefix.
func everyCaller() []string {
	return []string{"CALLER", "URL", "TOKEN", "TOKEN_FILE", "FALLBACK", "TIMEOUT", "TRIES"}
}

func ofCodeDeploy() []string {
	return []string{"HOOK", "APPLICATION", "DEPLOYMENT_GROUP", "PLATFORM", "SERVICE", "NAMESPACE", "REVISION", "PLAN"}
}

func ofECS() []string { return []string{"ECS_TRIES", "ECS_DELAY"} }

// environment collects what is wrong with variables while they are read.
type environment struct {
	values map[string]string
	faults []error
}

func (e *environment) fault(name, format string, args ...any) {
	e.faults = append(e.faults, fmt.Errorf("%s%s: %s", prefix, name, fmt.Sprintf(format, args...)))
}

// needed returns a variable that must be set.
func (e *environment) needed(name, example string) string {
	v := e.values[name]
	if v == "" {
		e.fault(name, "is missing; set it, for example to %s", example)
	}
	return v
}

// oneOf returns a variable that must be one of a few words, or the default.
func (e *environment) oneOf(name, instead string, words ...string) string {
	v := e.values[name]
	switch {
	case v == "" && instead != "":
		return instead
	case !slices.Contains(words, v):
		e.fault(name, "%q is none of %s", v, strings.Join(words, ", "))
	}
	return v
}

// number returns a whole number within bounds, or the default.
func (e *environment) number(name string, instead, most int) int {
	v := e.values[name]
	if v == "" {
		return instead
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		e.fault(name, "%q is not a whole number from 1 to %d", v, most)
	}
	return n
}

// duration returns a duration within bounds, or the default.
func (e *environment) duration(name string, instead, most time.Duration) time.Duration {
	v := e.values[name]
	if v == "" {
		return instead
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Second || d > most {
		e.fault(name, "%q is not a duration from 1s to %s, like %s", v, most, instead)
	}
	return d
}

// readSettings reads the environment (as name=value) and reports everything that is
// wrong at once. What it could read is returned even then.
func readSettings(environ []string, readFile func(string) ([]byte, error)) (settings, error) {
	e := &environment{values: map[string]string{}}
	var s settings
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if name == "AWS_REGION" {
			s.region = value
		}
		if ours, ok := strings.CutPrefix(name, prefix); ok {
			e.values[ours] = strings.TrimSpace(value)
		}
	}
	s.caller = e.oneOf("CALLER", "", callerCodeDeploy, callerECS)
	e.strangers(s.caller)
	s.url = e.address()
	s.token = e.secret(readFile)
	s.fallback = e.oneOf("FALLBACK", failed, succeeded, failed)
	s.timeout = e.duration("TIMEOUT", 6*time.Second, time.Minute)
	s.tries = e.number("TRIES", 3, 10)
	s.ecsTries = e.number("ECS_TRIES", 10, 1000)
	s.ecsDelay = e.duration("ECS_DELAY", 30*time.Second, 10*time.Minute)
	if s.region == "" {
		e.faults = append(e.faults, errors.New("AWS_REGION: is missing; Lambda sets it"))
	}
	if s.caller == callerCodeDeploy {
		e.deployment(&s)
	}
	return s, errors.Join(e.faults...)
}

// strangers refuses variables of ours that nobody reads: a name that is spelt wrongly
// would be a setting that is not heeded.
func (e *environment) strangers(caller string) {
	known := everyCaller()
	var others []string
	switch caller {
	case callerCodeDeploy:
		known, others = append(known, ofCodeDeploy()...), ofECS()
	case callerECS:
		known, others = append(known, ofECS()...), ofCodeDeploy()
	default: // which is a fault already
		known = slices.Concat(known, ofCodeDeploy(), ofECS())
	}
	var names []string
	for name := range e.values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case slices.Contains(known, name):
		case slices.Contains(others, name):
			e.fault(name, "means nothing with %sCALLER=%s; remove it", prefix, caller)
		default:
			e.fault(name, "is unknown; known are %s%s", prefix, strings.Join(known, ", "+prefix))
		}
	}
}

// address returns the server's address.
func (e *environment) address() string {
	text := e.needed("URL", "https://serin.example.org")
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "":
		e.fault("URL", "is not an http or https URL; write it like https://serin.example.org")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		e.fault("URL", "must have no user, query or fragment: it is logged; the token belongs into %sTOKEN or %[1]sTOKEN_FILE", prefix)
	}
	return strings.TrimRight(text, "/")
}

// secret returns the token, out of the environment or a file.
func (e *environment) secret(readFile func(string) ([]byte, error)) string {
	token, file := e.values["TOKEN"], e.values["TOKEN_FILE"]
	switch {
	case token == "" && file == "":
		e.fault("TOKEN", "is missing; set it, or %sTOKEN_FILE to the file that holds the token", prefix)
	case token != "" && file != "":
		e.fault("TOKEN", "and %sTOKEN_FILE are both set; keep one", prefix)
	case file != "":
		b, err := readFile(file)
		if err != nil {
			e.fault("TOKEN_FILE", "cannot be read: %s", err)
			return ""
		}
		if token = strings.TrimSpace(string(b)); token == "" {
			e.fault("TOKEN_FILE", "%s is empty", file)
		}
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		e.fault("TOKEN", "has a character that no header may have; it is not shown here")
		return ""
	}
	return token
}

// deployment reads what CodeDeploy's events do not say.
func (e *environment) deployment(s *settings) {
	s.platform = e.oneOf("PLATFORM", "", "lambda", "ecs")
	s.hook = e.needed("HOOK", "BeforeAllowTraffic")
	s.application = e.needed("APPLICATION", "checkout")
	s.group = e.needed("DEPLOYMENT_GROUP", "checkout-live")
	s.service, s.namespace, s.revision, s.plan = e.values["SERVICE"], e.values["NAMESPACE"], e.values["REVISION"], e.values["PLAN"]
	hooks := map[string][]string{
		"lambda": {"BeforeAllowTraffic", "AfterAllowTraffic"},
		"ecs":    {"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"},
	}[s.platform]
	if s.hook != "" && hooks != nil && !slices.Contains(hooks, s.hook) {
		e.fault("HOOK", "%q is no hook of platform %s, which has %s", s.hook, s.platform, strings.Join(hooks, ", "))
	}
}

// lines returns an error's faults, one each.
func lines(err error) []string { return strings.Split(err.Error(), "\n") }

package journey

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

// maxValue is the longest value that is extracted, in bytes.
const maxValue = 8 << 10

// extract takes a value out of an answer, or of the cookies that came with it.
func extract(x checks.Extract, a httpcheck.Answer, cookies map[string]string) (string, error) {
	v, err := find(x, a, cookies)
	switch {
	case err != nil:
		return "", err
	case v == "":
		return "", fmt.Errorf("%s is empty", place(x))
	case len(v) > maxValue:
		return "", fmt.Errorf("%s is %d bytes long, and at most %d are taken", place(x), len(v), maxValue)
	case strings.ContainsAny(v, "\x00"):
		return "", fmt.Errorf("%s holds a NUL", place(x))
	}
	return v, nil
}

func find(x checks.Extract, a httpcheck.Answer, cookies map[string]string) (string, error) {
	switch {
	case x.Header != "":
		if v := a.Headers.Values(x.Header); len(v) > 0 {
			return v[0], nil
		}
		return "", fmt.Errorf("it has no %s", place(x))
	case x.Cookie != "":
		if v, ok := cookies[x.Cookie]; ok {
			return v, nil
		}
		return "", fmt.Errorf("it sets no %s", place(x))
	case a.TooLarge:
		return "", errors.New("its body is more than 1 MiB, and no more is read")
	case x.Regex != "":
		return byPattern(x, a.Body)
	case x.JSON != "":
		return byPath(x, a.Body)
	}
	return "", errors.New("nothing says where it is")
}

func byPattern(x checks.Extract, body []byte) (string, error) {
	pattern, err := regexp.Compile(x.Regex)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read", place(x))
	}
	m := pattern.FindSubmatch(body)
	switch len(m) {
	case 0:
		return "", fmt.Errorf("nothing in its body matches %s", place(x))
	case 1:
		return string(m[0]), nil
	}
	return string(m[1]), nil
}

func byPath(x checks.Extract, body []byte) (string, error) {
	path, err := checks.CompileJSONPath(x.JSON)
	if err != nil {
		return "", err
	}
	doc, err := checks.ReadJSON(body)
	if err != nil {
		return "", fmt.Errorf("its body is no JSON: %s", checks.Line(err.Error(), 120))
	}
	v, err := path.One(doc)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("%s is no text, number or truth", place(x))
}

// place says where a value is looked for.
func place(x checks.Extract) string {
	switch {
	case x.Header != "":
		return "header " + x.Header
	case x.Cookie != "":
		return "cookie " + x.Cookie
	case x.Regex != "":
		return checks.Line(strconv.Quote(x.Regex), 80)
	}
	return x.JSON
}

var (
	secretName  = regexp.MustCompile(`(?i)passw|secret|token|credential|key|private|auth|cookie|session|sid$|signature|csrf|jwt|bearer|nonce|otp|code$`)
	secretValue = regexp.MustCompile(`^[\w.~+/=:-]{20,}$`)
)

// shortestToken is the length from which a value is taken for a credential because of
// its name; shorter ones are words like true.
const shortestToken = 6

// hides says whether a value may not be shown: where the plan says so, else where it
// looks like a credential by its name, by its place, or by itself. All cookies do.
func hides(x checks.Extract, v string) bool {
	switch {
	case x.Secret != nil:
		return *x.Secret
	case len(v) < shortestToken:
		return false
	case x.Cookie != "", secretName.MatchString(x.As), secretName.MatchString(x.JSON), secretName.MatchString(x.Header):
		return true
	}
	return secretValue.MatchString(v) && strings.ContainsAny(v, "0123456789") && strings.ContainsAny(strings.ToLower(v), "abcdefghijklmnopqrstuvwxyz")
}

// lacks returns a value that a step names and that was never extracted, "" where it
// has all.
func (r *run) lacks(s checks.Step) string {
	for _, name := range s.HTTP.Values() {
		if _, ok := r.target.Values[name]; !ok {
			return name
		}
	}
	return ""
}

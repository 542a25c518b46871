package httpcheck

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestWhichRedirectsAreFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		follow   bool
	}{
		"same host":            {"http://a/1", "http://a/2", true},
		"another case":         {"http://a/1", "http://A/2", true},
		"another port":         {"http://a/1", "http://a:81/2", true},
		"up to https":          {"http://a/1", "https://a/1", true},
		"down to http":         {"https://a/1", "http://a/1", false},
		"another host":         {"http://a/1", "http://b/1", false},
		"a host with its name": {"http://a/1", "http://a.b/1", false},
	} {
		from, err := url.Parse(c.from)
		if err != nil {
			t.Fatal(err)
		}
		next := httptest.NewRequest(http.MethodGet, c.to, nil)
		next.Response = &http.Response{StatusCode: http.StatusFound}
		err = (&Request{url: from, status: []int{200}}).redirect(next, []*http.Request{{URL: from}})
		if follow := err == nil; follow != c.follow || !follow && !errors.Is(err, http.ErrUseLastResponse) {
			t.Errorf("%s: got %v, want followed: %t", name, err, c.follow)
		}
	}
}

package azure_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/serin-canary/serin/webhooks/azure"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	projectID = "a1a1a1a1-0000-4000-8000-000000000001"
	planID    = "B2b2b2b2-0000-4000-8000-000000000002"
	jobID     = "c3c3c3c3-0000-4000-8000-000000000003"
	taskID    = "d4d4d4d4-0000-4000-8000-000000000004"
	// runToken is what must be seen nowhere.
	runToken = "eyJ0eXAiOiJKV1Qi.c2VjcmV0LXJ1bi10b2tlbg.c2lnbmF0dXJl"
)

// fake is Azure DevOps, as far as the contract tells: it takes events, and answers
// with what the test says.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header http.Header
	got    []call
}

// call is an event that came in.
type call struct {
	method, path, query, token, body string
}

func newFake(t *testing.T) *fake {
	f := &fake{status: 200, header: http.Header{}}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.got = append(f.got, call{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), string(body)})
		for k, v := range f.header {
			w.Header()[k] = v
		}
		w.WriteHeader(f.status)
		io.WriteString(w, "the token "+r.Header.Get("Authorization")+" is quoted by this page")
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) answer(status int, header ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.header = status, http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		f.header.Set(header[i], header[i+1])
	}
}

func (f *fake) calls() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got
}

func key(id string, fill byte) azure.Key {
	k := azure.Key{ID: id}
	for i := range k.Secret {
		k.Secret[i] = fill
	}
	return k
}

// sender may post to the fake, and to the hosts.
func (f *fake) sender(t *testing.T, change ...func(*azure.Config)) *azure.Sender {
	t.Helper()
	c := azure.Config{Hosts: []string{strings.TrimPrefix(f.URL, "https://")}, Keys: []azure.Key{key("2026-05", 7)}, Client: f.Client()}
	for _, f := range change {
		f(&c)
	}
	s, err := azure.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// headers are a check's own.
func headers(planURL string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"PlanUrl": planURL, "ProjectId": projectID, "HubName": "checks", "PlanId": planID, "JobId": jobID,
		"TimelineId": planID, "TaskInstanceId": taskID, "AuthToken": runToken, "Authorization": "Bearer ours",
	} {
		h.Set(name, value)
	}
	return h
}

func (f *fake) question(t *testing.T, s *azure.Sender) reply.Question {
	t.Helper()
	id, to, err := s.Ask(headers(f.URL + "/contoso/"))
	if err != nil {
		t.Fatal(err)
	}
	return reply.Question{ID: id, Sender: azure.Name, To: to}
}

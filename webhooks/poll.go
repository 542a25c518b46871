package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	// prompt bounds the work on a request that is answered before the judging begins:
	// Spinnaker gives up a POST after 20 s, and does not send it again.
	prompt = 10 * time.Second
	// longestQuestion bounds what a caller may ask for with wait.
	longestQuestion = 7 * 24 * time.Hour
	// manyQuestions bounds how often the same is asked about one rollout.
	manyQuestions = 200
)

// questionName tells the questions of pollers about one rollout apart: the gate, and
// a number or what follows from the request's key.
var questionName = regexp.MustCompile(`^(start|step|promotion)\.(k[0-9a-f]{16}|[1-9][0-9]{0,2})$`)

// pollID is a poller's question.
func pollID(rollout, name string) string { return "poll/" + rollout + "/" + name }

// later reads the header Prefer: respond-async (RFC 7240): the caller wants to be
// answered at once, and asks again.
func later(h http.Header) bool {
	for _, line := range h.Values("Prefer") {
		for _, part := range strings.Split(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
				return true
			}
		}
	}
	return false
}

// polled is what the query of a request says that is answered later.
type polled struct {
	gate reply.Gate
	wait time.Duration // 0: as long as the plan
}

func readPolled(q url.Values) (polled, error) {
	for name := range q {
		if name != "wait" && name != "gate" {
			return polled{}, bad("known are wait and gate", "%s: unknown parameter", quoted(name))
		}
	}
	gate, err := checkGate(q.Get("gate"))
	if err != nil || q.Get("wait") == "" {
		return polled{gate: gate}, err
	}
	wait, err := time.ParseDuration(q.Get("wait"))
	if err != nil || wait < time.Minute || wait > longestQuestion {
		return polled{}, bad("write a duration from 1m to 168h, like 45m", "wait: %s is not one", quoted(q.Get("wait")))
	}
	return polled{gate, wait}, nil
}

// judgeLater is POST /v1/judge with Prefer: respond-async: the rollout is announced or
// found and the question taken, and 202 says where to ask for the answer. The judge
// looks at each block's close, whether or not anybody asks.
func (s *Server) judgeLater(c echo.Context) error {
	p, err := readPolled(c.QueryParams())
	if err != nil {
		return err
	}
	if s.cfg.Asker == nil {
		return bad("leave Prefer: respond-async out", "this server answers nothing later")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), min(prompt, s.cfg.Timeout))
	defer cancel()
	a, err := s.readAnnouncement(c)
	if err != nil {
		return err
	}
	done, err := s.takeOnce(ctx, c, a)
	if err != nil {
		return err
	}
	id := done.Rollout.ID
	name, err := s.nameQuestion(ctx, id, p.gate, c.Request().Header.Get(headerIdempotency))
	if err != nil {
		return err
	}
	if err := s.poll(ctx, reply.Question{ID: pollID(id, name), Sender: reply.SenderPolled, Rollout: id, Gate: p.gate}, p.wait); err != nil {
		return err
	}
	sum, err := s.cfg.Journal.Get(ctx, id)
	if err != nil {
		return err
	}
	b, err := s.statusOf(ctx, sum, name)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderLocation, b.Self)
	h.Set("Preference-Applied", "respond-async")
	h.Set(echo.HeaderRetryAfter, "10")
	return writeJSON(c, http.StatusAccepted, b)
}

// nameQuestion names a poller's question. With a key it is always the same one. Without
// one it is the one that is still open, so that a request that was sent twice asks once;
// or else a new one: what was answered at one step is no answer at the next, and what
// nobody looked at in time is not asked for ever.
func (s *Server) nameQuestion(ctx context.Context, rollout string, g reply.Gate, key string) (string, error) {
	if key != "" {
		sum := sha256.Sum256([]byte(key))
		return string(g) + ".k" + hex.EncodeToString(sum[:8]), nil
	}
	for n := 1; n <= manyQuestions; n++ {
		name := fmt.Sprintf("%s.%d", g, n)
		_, given, err := s.cfg.Asker.Given(ctx, pollID(rollout, name))
		if err != nil {
			return "", unrecorded(err)
		}
		if given {
			continue
		}
		q, asked, err := s.cfg.Asker.Asked(ctx, pollID(rollout, name))
		if err != nil {
			return "", unrecorded(err)
		}
		if !asked || !q.Lapsed(s.now()) {
			return name, nil
		}
	}
	return "", conflict("end the rollout first", "this was asked %d times about rollout %s", manyQuestions, rollout)
}

// poll hands a poller's question to the desk. It has as long as the plan, or as the
// caller wants; what is undecided then is inconclusive.
func (s *Server) poll(ctx context.Context, q reply.Question, wait time.Duration) error {
	if wait == 0 {
		rec, err := s.cfg.Journal.Load(ctx, q.Rollout)
		if err != nil {
			return err
		}
		wait = patience(rec.Plan)
	}
	q.Asked = s.now()
	q.Deadline = q.Asked.Add(wait)
	if err := s.cfg.Asker.Ask(ctx, q); err != nil {
		return unrecorded(err)
	}
	s.note(ctx, "asked to be polled", q.Rollout, q.ID)
	return nil
}

// patience is how long a plan can take to decide, once the canary has traffic; it is
// given half an hour to get some.
func patience(p plan.Plan) time.Duration {
	return min(p.MaxDuration.D()+p.HoldFor.D()+30*time.Minute, longestQuestion)
}

// cancelled is what became of a request to end the judging.
type cancelled struct {
	Cancelled bool   `json:"cancelled"` // false where nothing was under way
	Rollout   string `json:"rollout"`
	Status    string `json:"status"`
}

// cancelJudging is POST /v1/judge/cancel: the judging of what an announcement names ends, if
// it is under way. The body is an announcement, of which only who is on trial counts, so
// that a caller can send what it sent before. It may be sent twice; what was answered
// stays answered.
func (s *Server) cancelJudging(c echo.Context) error {
	a, err := s.readAnnouncement(c)
	if err != nil {
		return err
	}
	r, err := a.read(s.now())
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	sum, err := s.cfg.Journal.Newest(ctx, rollout.KeyOf(r))
	if isNotFound(err) {
		return writeJSON(c, http.StatusOK, cancelled{Status: statusClosed})
	}
	if err != nil {
		return err
	}
	word, _ := wordOfRecord(sum)
	if !live(sum) {
		return writeJSON(c, http.StatusOK, cancelled{Rollout: sum.Rollout.ID, Status: word})
	}
	if err := s.end(ctx, sum.Rollout, "cancelled by "+callerOf(c).name()); err != nil {
		return err
	}
	if word != statusRollback {
		word = statusClosed
	}
	return writeJSON(c, http.StatusOK, cancelled{true, sum.Rollout.ID, word})
}

package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/queries"
)

// The states of an execution, in Kayenta's words.
const (
	kayentaRunning   = "running"
	kayentaSucceeded = "succeeded"
	kayentaTerminal  = "terminal"
	kayentaCanceled  = "canceled"
)

const (
	// kayentaPatience is for how long a source is asked again that cannot answer.
	kayentaPatience = 10 * time.Minute
	// kayentaPause is the least time between two attempts.
	kayentaPause = 5 * time.Second
	// kayentaWait is how long a poll waits for what is under way: Argo gives up after
	// 15 s.
	kayentaWait = 8 * time.Second
	// kayentaRunsAtOnce bounds the executions that are judged at once.
	kayentaRunsAtOnce = 16
)

// kayentaRun is an execution as it is kept: everything that is needed to judge it, at
// any time and on any replica, and what came of it.
type kayentaRun struct {
	Application string            `json:"application"`
	Parent      string            `json:"parentPipelineExecutionId,omitempty"`
	ConfigID    string            `json:"canaryConfigId,omitempty"`
	Config      json.RawMessage   `json:"config"`
	Request     json.RawMessage   `json:"request"`
	Account     string            `json:"account"`
	Accounts    map[string]string `json:"accounts,omitempty"` // as the caller named them
	Judgement   *kayentaJudgement `json:"judgement,omitempty"`
	Error       string            `json:"error,omitempty"`
	Tried       time.Time         `json:"tried,omitzero"` // the last attempt, where it failed
	Ended       time.Time         `json:"ended,omitzero"`
}

// parsed reads what a run was asked for.
func (r kayentaRun) parsed(now time.Time) (kayentaCase, []askedMetric, error) {
	var (
		k       kayentaCase
		request kayentaRequest
		err     error
	)
	if k.config, err = readKayentaConfig(r.Config); err != nil {
		return k, nil, err
	}
	if err := decode(r.Request, &request, tolerant); err != nil {
		return k, nil, err
	}
	chosen, err := k.config.Judge.chosen()
	if err != nil {
		return k, nil, err
	}
	if k.thresholds, err = request.Thresholds.read(chosen); err != nil {
		return k, nil, err
	}
	asked, err := k.config.questions(request, now)
	return k, asked, err
}

// kayentaRuns are the executions that are judged now. Nothing is lost with them: the
// next poll begins anew what was not finished.
type kayentaRuns struct {
	mu       sync.Mutex
	underWay map[string]chan struct{} // closed at the end
}

func newKayentaRuns() *kayentaRuns { return &kayentaRuns{underWay: map[string]chan struct{}{}} }

// join returns what ends with the run of an ID, which is begun where it is not under
// way and there is room; else nil.
func (r *kayentaRuns) join(id string, run func()) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done, ok := r.underWay[id]; ok {
		return done
	}
	if len(r.underWay) >= kayentaRunsAtOnce {
		return nil
	}
	done := make(chan struct{})
	r.underWay[id] = done
	go func() {
		defer func() {
			r.mu.Lock()
			delete(r.underWay, id)
			r.mu.Unlock()
			close(done)
		}()
		run()
	}()
	return done
}

// proceed goes on with an execution for a while, and returns it as it stands then.
// step is one attempt; it returns the document changed, or as it was.
func (s *Server) proceed(ctx context.Context, d journal.Document, step func(context.Context, journal.Document) error) (journal.Document, error) {
	done := s.runs.join(d.Kind+d.ID, func() {
		// What was begun is worth finishing, also where the caller does not wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
		defer cancel()
		defer s.recovered(ctx, d.ID)
		if err := step(ctx, d); err != nil && !errors.Is(err, journal.ErrChanged) && !errors.Is(err, journal.ErrNotFound) {
			s.cfg.Log.WarnContext(ctx, "an execution could not go on", "execution", d.ID, cause(err))
		}
	})
	if done == nil {
		return d, nil
	}
	select {
	case <-done:
	case <-s.stopping:
	case <-ctx.Done():
	case <-s.after(kayentaWait):
	}
	now, err := s.documentOf(pastCaller(ctx), d.Kind, d.ID, "there is no such execution")
	if err != nil && !isNotFound(err) {
		s.cfg.Log.WarnContext(ctx, "an execution is told as it was a moment ago", "execution", d.ID, cause(err))
		return d, nil
	}
	return now, err
}

// pastCaller is a context for a last short read.
func pastCaller(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// recovered logs a panic of an attempt: it must not end the server.
func (s *Server) recovered(ctx context.Context, id string) {
	if p := recover(); p != nil {
		s.cfg.Log.ErrorContext(ctx, "panic in an execution", "execution", id, "panic", fmt.Sprint(p))
	}
}

// judgeRun is one attempt to finish an execution.
func (s *Server) judgeRun(ctx context.Context, d journal.Document) error {
	var run kayentaRun
	if err := json.Unmarshal(d.Body, &run); err != nil {
		return fmt.Errorf("execution %s cannot be read: %w", d.ID, err)
	}
	k, asked, err := run.parsed(d.Created)
	if err != nil {
		return s.finishRun(ctx, d, run, err)
	}
	if now := s.now(); now.Before(ready(asked)) || now.Sub(run.Tried) < kayentaPause {
		return nil
	}
	j, err := s.judgeAsked(ctx, d.ID, run.Account, k, asked)
	run.Judgement = j
	if err != nil && s.again(err, latest(d.Created, ready(asked))) {
		run.Judgement, run.Tried, run.Error = nil, s.now(), oneLine(redact(err.Error()), 1000)
		s.cfg.Log.WarnContext(ctx, "an execution is tried again", "execution", d.ID, cause(err))
		return s.keepRun(ctx, d, run)
	}
	return s.finishRun(ctx, d, run, err)
}

// judgeAsked reads the samples, keeps them, and judges them.
func (s *Server) judgeAsked(ctx context.Context, id, account string, k kayentaCase, asked []askedMetric) (*kayentaJudgement, error) {
	_, source, err := s.account(account)
	if err != nil {
		return nil, err
	}
	if k.pairs, err = s.frozenPairs(ctx, source, id, asked); err != nil {
		return nil, err
	}
	j, err := k.judged()
	return &j, err
}

// frozenPairs returns an execution's samples: those that were kept, or those that a
// source has now, which are kept then. So what is judged is what can be shown.
func (s *Server) frozenPairs(ctx context.Context, source queries.Source, id string, asked []askedMetric) ([]kayentaPair, error) {
	var pairs []kayentaPair
	kept, err := s.cfg.Kayenta.Documents.Document(ctx, kayentaPairLists, id)
	if errors.Is(err, journal.ErrNotFound) {
		if pairs, err = readPairs(ctx, source, id, asked); err != nil {
			return nil, err
		}
		if err = s.keepPairs(ctx, id, pairs); !errors.Is(err, journal.ErrExists) {
			return pairs, err
		}
		kept, err = s.cfg.Kayenta.Documents.Document(ctx, kayentaPairLists, id) // another replica was first
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(kept.Body, &pairs); err != nil || len(pairs) != len(asked) {
		return nil, fmt.Errorf("the series of execution %s cannot be read: %w", id, err)
	}
	for i, a := range asked {
		pairs[i].overlap = a.overlap()
	}
	return pairs, nil
}

// again reports whether an error may go away by itself.
func (s *Server) again(err error, since time.Time) bool {
	var ours *HTTPError
	if errors.As(err, &ours) || s.now().Sub(since) > kayentaPatience {
		return false
	}
	fault := queries.FaultOf(err)
	return fault == queries.Unavailable || fault == queries.Throttled
}

// finishRun records how an execution ended. A canary that failed is a success of the
// execution, with a low score; what could not be judged is not.
func (s *Server) finishRun(ctx context.Context, d journal.Document, run kayentaRun, err error) error {
	d.State, run.Error, run.Ended = kayentaSucceeded, "", s.now()
	if err != nil {
		d.State, run.Judgement = kayentaTerminal, nil
		run.Error = oneLine(redact(publicText(err)), 1000)
	}
	if err := s.keepRun(ctx, d, run); err != nil {
		return err
	}
	reason := run.Error
	if run.Judgement != nil {
		reason = fmt.Sprintf("%s: score %s, %s", run.Judgement.JudgeName, number(run.Judgement.Score.Score), run.Judgement.Score.Classification)
	}
	s.note(ctx, "canary execution "+d.State, "", d.ID+" "+reason)
	return nil
}

// publicText is what may be said of an error.
func publicText(err error) string {
	var ours *HTTPError
	if errors.As(err, &ours) {
		return ours.Public + "; " + ours.Next
	}
	return err.Error()
}

func (s *Server) keepRun(ctx context.Context, d journal.Document, run kayentaRun) error {
	body, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("write execution %s: %w", d.ID, err)
	}
	d.Body = body
	_, err = s.cfg.Kayenta.Documents.ReplaceDocument(ctx, d)
	return err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stages are the parts of an execution as Kayenta names them, all in one state: they
// are not told apart here.
func stages(metrics int, state string) map[string]string {
	out := map[string]string{"setupContext": kayentaSucceeded, "mixMetrics": state, "judge": state}
	for i := range metrics {
		out[fmt.Sprintf("fetchControl%d", i)], out[fmt.Sprintf("fetchExperiment%d", i)] = state, state
	}
	return out
}

// kayentaException is why an execution could not be judged.
type kayentaException struct {
	Type        string        `json:"exceptionType"`
	Operation   string        `json:"operation"`
	Details     kayentaDetail `json:"details"`
	ShouldRetry bool          `json:"shouldRetry"`
	Timestamp   int64         `json:"timestamp"`
}

type kayentaDetail struct {
	Error  string   `json:"error"`
	Errors []string `json:"errors"`
	Stack  string   `json:"stackTrace"`
}

func exceptionOf(text string, at time.Time) *kayentaException {
	return &kayentaException{
		Type: "CannotJudge", Operation: "judge", Timestamp: at.UnixMilli(),
		Details: kayentaDetail{Error: text, Errors: []string{text}},
	}
}

// kayentaStatuses lists what executions are selected by, lower case.
func kayentaStatuses(list []string) ([]string, error) {
	known := map[string]string{
		"not_started": "", "running": kayentaRunning, "paused": "", "suspended": "", "succeeded": kayentaSucceeded, "failed_continue": "",
		"terminal": kayentaTerminal, "canceled": kayentaCanceled, "redirect": "", "stopped": "", "skipped": "", "buffered": "",
	}
	var out []string
	for _, word := range list {
		state, ok := known[word]
		if !ok {
			return nil, bad("known are "+oneLine(fmt.Sprint(slices.Sorted(maps.Keys(known))), 300), "statuses: %s is none", quoted(word))
		}
		if state == "" {
			state = "nothing is ever " + word
		}
		out = append(out, state)
	}
	return out, nil
}

package notifytest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Slack is an app's API in one workspace, and an incoming webhook at /hook.
type Slack struct {
	*server
	Token, Channel string
	// Scopes are the app's; without one, its methods answer missing_scope.
	Scopes []string
	// Locked says that nobody may reply to messages.
	Locked bool
	// Slow is how many times a file is shown before it is ready.
	Slow int

	messages []*SlackMessage
	replies  []*SlackMessage
	files    map[string]*slackUpload
	posts    int
	hooks    []SlackMessage
	calls    map[string]int
}

// SlackMessage is a message of the channel as it is now, or a reply to the message Thread
// that is shown in the channel.
type SlackMessage struct {
	TS, Text string
	Thread   string
	Blocks   []json.RawMessage
	Metadata map[string]any
	Edits    int
}

type slackUpload struct {
	png      []byte
	complete bool
	shown    int
}

// NewSlack starts one.
func NewSlack(t testing.TB) *Slack {
	s := &Slack{
		Token: strings.Repeat("xoxb-", 4), Channel: "C0123456789", files: map[string]*slackUpload{}, calls: map[string]int{},
		Scopes: []string{"chat:write", "files:write", "channels:history"},
	}
	mux := http.NewServeMux()
	for name, m := range map[string]slackMethod{
		"auth.test": {"", s.who}, "chat.postMessage": {"chat:write", s.post}, "chat.update": {"chat:write", s.update},
		"conversations.history": {"channels:history", s.history}, "files.getUploadURLExternal": {"files:write", s.place},
		"files.completeUploadExternal": {"files:write", s.complete},
	} {
		mux.HandleFunc("POST /api/"+name, func(w http.ResponseWriter, r *http.Request) { s.method(w, r, name, m) })
	}
	mux.HandleFunc("POST /upload/{id}", s.upload)
	mux.HandleFunc("POST /hook", s.hook)
	s.server = newServer(t, mux)
	return s
}

// API is where the methods are.
func (s *Slack) API() string { return s.URL + "/api" }

// Messages returns the channel's messages, the oldest first.
func (s *Slack) Messages() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.hooks)
	for _, m := range s.messages {
		out = append(out, *m)
	}
	return out
}

// Replies returns what was replied and shown in the channel, the oldest first.
func (s *Slack) Replies() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []SlackMessage{}
	for _, m := range s.replies {
		out = append(out, *m)
	}
	return out
}

// Calls returns how often each method was called.
func (s *Slack) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// File returns an uploaded file.
func (s *Slack) File(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.files[id]; ok {
		return f.png
	}
	return nil
}

// Delete removes a message, as a person may.
func (s *Slack) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m *SlackMessage) bool { return m.TS == ts })
}

// slackMethod is a method of the API, with the scope that it needs. It returns Slack's word
// for what is wrong, with what it says of it after a colon.
type slackMethod struct {
	scope string
	do    func(r *http.Request) (out map[string]any, wrong string)
}

func (s *Slack) method(w http.ResponseWriter, r *http.Request, name string, m slackMethod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	out, wrong := map[string]any{}, ""
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Token:
		wrong = "invalid_auth"
	case m.scope != "" && !slices.Contains(s.Scopes, m.scope):
		wrong, out["needed"] = "missing_scope", m.scope
	default:
		out, wrong = m.do(r)
	}
	if out == nil {
		out = map[string]any{}
	}
	if out["ok"] = wrong == ""; wrong != "" {
		code, detail, _ := strings.Cut(wrong, ": ")
		out["error"] = code
		if detail != "" {
			out["errors"] = []string{detail}
		}
	}
	answer(w, http.StatusOK, out)
}

func (s *Slack) who(*http.Request) (map[string]any, string) {
	return map[string]any{"team": "Acme", "user": "serin", "bot_id": "B1"}, ""
}

type slackBody struct {
	Channel, TS, Text string
	Parse             string
	Names             bool   `json:"link_names"`
	Thread            string `json:"thread_ts"`
	Broadcast         bool   `json:"reply_broadcast"`
	Blocks            []json.RawMessage
	Metadata          map[string]any
}

// message reads and checks the body of a message.
func (s *Slack) message(r *http.Request) (slackBody, string) {
	var b slackBody
	if err := read(r, &b); err != nil {
		return b, "invalid_json"
	}
	switch {
	case b.Channel != s.Channel:
		return b, "channel_not_found"
	case b.Text == "":
		return b, "no_text"
	case b.Parse != "none" || b.Names:
		s.t.Errorf("parse is %q and link_names %v: names in the text may call people", b.Parse, b.Names)
	}
	return b, s.checkBlocks(b.Text, b.Blocks)
}

func (s *Slack) post(r *http.Request) (map[string]any, string) {
	b, wrong := s.message(r)
	if wrong != "" {
		return nil, wrong
	}
	if s.Locked && b.Thread != "" {
		return nil, "restricted_action_thread_locked"
	}
	s.posts++
	m := &SlackMessage{TS: fmt.Sprintf("%d.%06d", 1_800_000_000+s.posts, s.posts), Text: b.Text, Blocks: b.Blocks, Metadata: b.Metadata}
	if b.Thread == "" {
		s.messages = append(s.messages, m)
		return map[string]any{"ts": m.TS, "channel": b.Channel}, ""
	}
	if !slices.ContainsFunc(s.messages, func(m *SlackMessage) bool { return m.TS == b.Thread }) {
		return nil, "thread_not_found"
	}
	if !b.Broadcast {
		s.t.Error("a reply that is not shown in the channel notifies nobody")
	}
	m.Thread = b.Thread
	s.replies = append(s.replies, m)
	return map[string]any{"ts": m.TS, "channel": b.Channel}, ""
}

func (s *Slack) update(r *http.Request) (map[string]any, string) {
	b, wrong := s.message(r)
	if wrong != "" {
		return nil, wrong
	}
	for _, m := range s.messages {
		if m.TS == b.TS {
			m.Text, m.Blocks = b.Text, b.Blocks
			m.Edits++
			return map[string]any{"ts": m.TS, "channel": b.Channel}, ""
		}
	}
	return nil, "message_not_found"
}

func (s *Slack) history(r *http.Request) (map[string]any, string) {
	if err := r.ParseForm(); err != nil || r.Form.Get("channel") != s.Channel {
		return nil, "channel_not_found"
	}
	var out []map[string]any
	for _, m := range slices.Backward(slices.Concat(s.messages, s.replies)) {
		x := map[string]any{"ts": m.TS, "text": m.Text}
		if r.Form.Get("include_all_metadata") == "true" && m.Metadata != nil {
			x["metadata"] = m.Metadata
		}
		out = append(out, x)
	}
	return map[string]any{"messages": out, "has_more": false}, ""
}

func (s *Slack) place(r *http.Request) (map[string]any, string) {
	if err := r.ParseForm(); err != nil || r.Form.Get("filename") == "" || r.Form.Get("length") == "" {
		return nil, "invalid_arguments"
	}
	id := fmt.Sprintf("F%08d", len(s.files)+1)
	s.files[id] = &slackUpload{}
	return map[string]any{"upload_url": s.URL + "/upload/" + id, "file_id": id}, ""
}

func (s *Slack) upload(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		s.t.Error("the token was sent with the file, to another host")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<22))
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[r.PathValue("id")]
	if !ok || err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	f.png = b
	fmt.Fprintf(w, "OK - %d", len(b))
}

func (s *Slack) complete(r *http.Request) (map[string]any, string) {
	var b struct {
		Files   []struct{ ID, Title string }
		Channel string `json:"channel_id"`
	}
	if err := read(r, &b); err != nil {
		return nil, "invalid_json"
	}
	if b.Channel != "" {
		s.t.Error("the file is shared with the channel, which is a second message")
	}
	for _, f := range b.Files {
		u, ok := s.files[f.ID]
		if !ok || len(u.png) == 0 {
			return nil, "file_not_found"
		}
		u.complete = true
	}
	return map[string]any{"files": b.Files}, ""
}

func (s *Slack) hook(w http.ResponseWriter, r *http.Request) {
	var b slackBody
	err := read(r, &b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || b.Text == "" {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	if wrong := s.checkBlocks(b.Text, b.Blocks); wrong != "" {
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	s.hooks = append(s.hooks, SlackMessage{Text: b.Text, Blocks: b.Blocks})
	_, _ = io.WriteString(w, "ok")
}

var slackFileID = regexp.MustCompile(`^[F][A-Z0-9]{8,}$`)

// checkBlocks refuses what Slack refuses of blocks; the caller holds the lock.
func (s *Slack) checkBlocks(text string, blocks []json.RawMessage) string {
	if chars(text) > 40_000 {
		return "msg_too_long"
	}
	if len(blocks) > 50 {
		return "invalid_blocks: no more than 50 items allowed [json-pointer:/blocks]"
	}
	total := 0
	for i, raw := range blocks {
		total += len(raw)
		if wrong := s.checkBlock(raw); wrong != "" {
			return fmt.Sprintf("invalid_blocks: %s [json-pointer:/blocks/%d]", wrong, i)
		}
	}
	if total > 13_000 { // where people met it; Slack does not say
		return "msg_blocks_too_long"
	}
	return ""
}

type slackWords struct{ Type, Text string }

func (w *slackWords) wrong(most int, plain bool) string {
	switch {
	case w == nil || w.Text == "":
		return "missing required field: text"
	case w.Type != "plain_text" && (plain || w.Type != "mrkdwn"):
		return "unsupported type: " + w.Type
	case chars(w.Text) > most:
		return fmt.Sprintf("must be less than %d characters", most+1)
	}
	return ""
}

func (s *Slack) checkBlock(raw json.RawMessage) string {
	var b struct {
		Type     string
		Text     *slackWords
		Fields   []slackWords
		Elements []slackWords
		Image    string                    `json:"image_url"`
		File     *struct{ ID, URL string } `json:"slack_file"`
		Alt      string                    `json:"alt_text"`
	}
	if json.Unmarshal(raw, &b) != nil {
		return "not an object"
	}
	switch b.Type {
	case "header":
		return b.Text.wrong(150, true)
	case "section":
		if len(b.Fields) == 0 {
			return b.Text.wrong(3000, false)
		}
		return several(b.Fields, 10, 2000)
	case "context":
		return several(b.Elements, 10, 3000)
	case "divider":
		return ""
	case "image":
		if b.Alt == "" || chars(b.Alt) > 2000 || (b.File == nil) == (b.Image == "") {
			return "an image needs alt_text, and one of image_url and slack_file"
		}
		if b.File != nil {
			return s.checkFile(b.File.ID)
		}
		return ""
	}
	return "unsupported type: " + b.Type
}

func several(all []slackWords, most, each int) string {
	if len(all) == 0 || len(all) > most {
		return fmt.Sprintf("no more than %d items allowed", most)
	}
	for _, w := range all {
		if wrong := w.wrong(each, false); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (s *Slack) checkFile(id string) string {
	f, ok := s.files[id]
	if !slackFileID.MatchString(id) || !ok || !f.complete {
		return "invalid slack file"
	}
	if f.shown++; f.shown <= s.Slow {
		return "invalid slack file"
	}
	return ""
}

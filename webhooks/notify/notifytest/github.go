package notifytest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// GitHub is the repository shop/checkout with one commit, which came by pull request 7.
type GitHub struct {
	*server
	Token, SHA string
	// Pull is the pull request of the commit; 0 is none.
	Pull int

	statuses []GitStatus
	comments []*GitComment
}

// GitStatus is a commit status.
type GitStatus struct {
	State       string `json:"state"`
	Target      string `json:"target_url"`
	Description string `json:"description"`
	Context     string `json:"context"`
}

// GitComment is a comment as it is now.
type GitComment struct {
	ID    int64  `json:"id"`
	Body  string `json:"body"`
	Edits int    `json:"-"`
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// NewGitHub starts one.
func NewGitHub(t testing.TB) *GitHub {
	g := &GitHub{Token: strings.Repeat("pat_", 5), SHA: strings.Repeat("1a2b", 10), Pull: 7}
	mux := http.NewServeMux()
	const repo = "/api/v3/repos/shop/checkout"
	for pattern, do := range map[string]func(w http.ResponseWriter, r *http.Request){
		"GET /api/v3/rate_limit": g.rate,
		"GET " + repo: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]string{"full_name": "shop/checkout"})
		},
		"GET " + repo + "/commits/{ref}":          g.commit,
		"GET " + repo + "/commits/{sha}/pulls":    g.pulls,
		"POST " + repo + "/statuses/{sha}":        g.status,
		"GET " + repo + "/issues/{n}/comments":    g.list,
		"POST " + repo + "/issues/{n}/comments":   g.comment,
		"PATCH " + repo + "/issues/comments/{id}": g.edit,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+g.Token {
				answer(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
				return
			}
			if r.Header.Get("X-GitHub-Api-Version") == "" || r.Header.Get("User-Agent") == "" {
				t.Error("a call without X-GitHub-Api-Version or User-Agent")
			}
			do(w, r)
		})
	}
	g.server = newServer(t, mux)
	return g
}

// API is where the API is.
func (g *GitHub) API() string { return g.URL + "/api/v3" }

// Statuses returns every status that was set, the oldest first.
func (g *GitHub) Statuses() []GitStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.statuses)
}

// Comments returns the pull request's comments.
func (g *GitHub) Comments() []GitComment {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []GitComment
	for _, c := range g.comments {
		out = append(out, *c)
	}
	return out
}

// Say adds a comment of somebody else's.
func (g *GitHub) Say(body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.comments = append(g.comments, &GitComment{ID: int64(1000 + len(g.comments)), Body: body})
}

func invalid(w http.ResponseWriter, what string) {
	answer(w, http.StatusUnprocessableEntity, map[string]string{"message": "Validation Failed: " + what})
}

func missing(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
}

func (g *GitHub) rate(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{"rate": map[string]int{"limit": 5000, "remaining": 4999}})
}

func (g *GitHub) commit(w http.ResponseWriter, r *http.Request) {
	switch r.PathValue("ref") {
	case g.SHA, g.SHA[:7], "v2":
		answer(w, 200, map[string]string{"sha": g.SHA})
	default:
		invalid(w, "No commit found for SHA: "+r.PathValue("ref"))
	}
}

func (g *GitHub) pulls(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("sha") != g.SHA {
		invalid(w, "No commit found for SHA")
		return
	}
	out := []map[string]any{}
	if g.Pull > 0 {
		out = append(out, map[string]any{"number": g.Pull, "state": "closed", "merged_at": "2026-03-01T00:00:00Z"})
	}
	answer(w, 200, out)
}

func (g *GitHub) status(w http.ResponseWriter, r *http.Request) {
	var s GitStatus
	err := read(r, &s)
	switch {
	case err != nil:
		answer(w, http.StatusBadRequest, map[string]string{"message": "Problems parsing JSON"})
	case !fullSHA.MatchString(r.PathValue("sha")) || r.PathValue("sha") != g.SHA:
		invalid(w, "No commit found for SHA: "+r.PathValue("sha"))
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, s.State):
		invalid(w, "state is not included in the list")
	case chars(s.Description) > 140:
		invalid(w, "description is too long (maximum is 140 characters)")
	case s.Target != "" && !strings.HasPrefix(s.Target, "http"):
		invalid(w, "target_url must use http(s) scheme")
	case len(g.statuses) >= 1000:
		invalid(w, "This SHA and context has reached the maximum number of statuses.")
	default:
		g.statuses = append(g.statuses, s)
		answer(w, http.StatusCreated, s)
	}
}

func (g *GitHub) list(w http.ResponseWriter, r *http.Request) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	each, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || each > 100 || page < 1 {
		invalid(w, "pages")
		return
	}
	from := min((page-1)*each, len(g.comments))
	out := g.comments[from:min(from+each, len(g.comments))]
	if out == nil {
		out = []*GitComment{}
	}
	answer(w, 200, out)
}

// body reads a comment's text; "" has been answered.
func (g *GitHub) body(w http.ResponseWriter, r *http.Request) string {
	var b struct{ Body string }
	err := read(r, &b)
	switch {
	case err != nil || b.Body == "":
		invalid(w, "body can't be blank")
		return ""
	case chars(b.Body) > 65_536:
		invalid(w, "body is too long (maximum is 65536 characters)")
		return ""
	}
	return b.Body
}

func (g *GitHub) comment(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("n") != strconv.Itoa(g.Pull) {
		missing(w)
		return
	}
	if body := g.body(w, r); body != "" {
		c := &GitComment{ID: int64(1000 + len(g.comments)), Body: body}
		g.comments = append(g.comments, c)
		answer(w, http.StatusCreated, c)
	}
}

func (g *GitHub) edit(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(g.comments, func(c *GitComment) bool { return fmt.Sprint(c.ID) == r.PathValue("id") })
	if i < 0 {
		missing(w)
		return
	}
	if body := g.body(w, r); body != "" {
		g.comments[i].Body = body
		g.comments[i].Edits++
		answer(w, http.StatusOK, g.comments[i])
	}
}

package publish_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/serin-canary/serin/dashboards"
)

// grafana is a Grafana made from what its documentation and measurements say: answers,
// statuses and their bodies. No real one can run here.
type grafana struct {
	t  *testing.T
	mu sync.Mutex

	boards  map[string]board
	folders map[string]string
	marks   map[int64]map[string]any
	next    int64
	calls   []string

	// fail answers a call in the fake's stead, where it returns true.
	fail func(w http.ResponseWriter, r *http.Request) bool
}

type board struct {
	Body        map[string]any
	Folder      string
	Version     int
	Provisioned bool
}

const secret = "glsa_0123456789abcdefghijklmnop"

func newGrafana(t *testing.T) (*grafana, *httptest.Server) {
	g := &grafana{t: t, boards: map[string]board{}, folders: map[string]string{}, marks: map[int64]map[string]any{}}
	s := httptest.NewServer(http.StripPrefix("/grafana", g))
	t.Cleanup(s.Close)
	return g, s
}

// ServeHTTP implements http.Handler.
func (g *grafana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, r.Method+" "+r.URL.Path)
	if g.fail != nil && g.fail(w, r) {
		return
	}
	if r.URL.Path == "/api/health" {
		write(w, 200, map[string]any{"database": "ok", "version": "12.1.0"})
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+secret {
		write(w, 401, map[string]any{"message": "Invalid API key"})
		return
	}
	var body map[string]any
	if r.Body != nil && r.ContentLength > 0 {
		if r.Header.Get("Content-Type") != "application/json" {
			g.t.Errorf("%s %s: got the content type %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			write(w, 400, map[string]any{"message": "bad request data"})
			return
		}
	}
	switch part := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); {
	case part[0] == "apis":
		g.resources(w, r, part, body)
	case part[1] == "folders":
		g.folder(w, r, part, body)
	case part[1] == "dashboards":
		g.dashboard(w, r, part, body)
	case part[1] == "search":
		g.search(w, r.URL.Query())
	case part[1] == "annotations":
		g.annotation(w, r, part, body)
	default:
		write(w, 404, map[string]any{"message": "Not found"})
	}
}

func write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (g *grafana) folder(w http.ResponseWriter, r *http.Request, part []string, body map[string]any) {
	if r.Method == http.MethodPost {
		uid, _ := body["uid"].(string)
		if _, there := g.folders[uid]; there {
			write(w, 412, map[string]any{"message": "the folder has been changed by someone else", "status": "version-mismatch"})
			return
		}
		g.folders[uid], _ = body["title"].(string)
		write(w, 200, map[string]any{"uid": uid})
		return
	}
	if title, there := g.folders[part[2]]; there {
		write(w, 200, map[string]any{"uid": part[2], "title": title})
		return
	}
	write(w, 404, map[string]any{"message": "folder not found"})
}

func (g *grafana) dashboard(w http.ResponseWriter, r *http.Request, part []string, body map[string]any) {
	if part[2] == "db" {
		d, _ := body["dashboard"].(map[string]any)
		if _, there := d["id"]; there {
			g.t.Error("a board was sent with the number of one Grafana")
		}
		if _, there := body["folderUid"]; !there {
			g.t.Error("a board was sent without its folder, which moves it to the root")
		}
		uid, _ := d["uid"].(string)
		b := g.boards[uid]
		b.Body, b.Version = d, b.Version+1
		b.Folder, _ = body["folderUid"].(string)
		g.boards[uid] = b
		write(w, 200, map[string]any{"uid": uid, "url": "/grafana/d/" + uid + "/slug", "version": b.Version, "status": "success"})
		return
	}
	b, there := g.boards[part[3]]
	switch {
	case !there:
		write(w, 404, map[string]any{"message": "Dashboard not found"})
	case r.Method == http.MethodDelete && b.Provisioned:
		write(w, 400, map[string]any{"message": "provisioned dashboard cannot be deleted"})
	case r.Method == http.MethodDelete:
		delete(g.boards, part[3])
		write(w, 200, map[string]any{"message": "deleted"})
	default:
		write(w, 200, map[string]any{"dashboard": b.Body, "meta": map[string]any{"provisioned": b.Provisioned, "folderUid": b.Folder}})
	}
}

func (g *grafana) search(w http.ResponseWriter, q url.Values) {
	limit, _ := strconv.Atoi(q.Get("limit"))
	page, _ := strconv.Atoi(q.Get("page"))
	if page == 0 {
		page = 1
	}
	var all []map[string]any
	var uids []string
	for uid := range g.boards {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	for _, uid := range uids {
		// Older versions do not know the parameter tag by this name and ignore it.
		all = append(all, map[string]any{"uid": uid, "tags": g.boards[uid].Body["tags"]})
	}
	from := min((page-1)*limit, len(all))
	found := all[from:min(from+limit, len(all))]
	if found == nil {
		found = []map[string]any{}
	}
	write(w, 200, found)
}

func (g *grafana) annotation(w http.ResponseWriter, r *http.Request, part []string, body map[string]any) {
	switch r.Method {
	case http.MethodGet:
		found := []map[string]any{}
		for id, m := range g.marks {
			fits := true
			for _, tag := range r.URL.Query()["tags"] {
				fits = fits && strings.Contains(fmt.Sprint(m["tags"]), tag)
			}
			if fits {
				found = append(found, map[string]any{"id": id, "text": m["text"], "tags": m["tags"]})
			}
		}
		write(w, 200, found)
	case http.MethodPost:
		g.next++
		g.marks[g.next] = body
		write(w, 200, map[string]any{"id": g.next, "message": "Annotation added"})
	default:
		id, _ := strconv.ParseInt(part[2], 10, 64)
		if _, there := g.marks[id]; !there {
			write(w, 404, map[string]any{"message": "Annotation not found"})
			return
		}
		if r.Method == http.MethodDelete {
			delete(g.marks, id)
		} else {
			for k, v := range body {
				g.marks[id][k] = v
			}
		}
		write(w, 200, map[string]any{"message": "done"})
	}
}

// resources is the API of Grafana 12: versions are held against each other.
func (g *grafana) resources(w http.ResponseWriter, r *http.Request, part []string, body map[string]any) {
	if got := strings.Join(part[1:3], "/"); got != dashboards.ResourceAPI || part[4] != "org-2" {
		write(w, 404, map[string]any{"message": "no such API " + got})
		return
	}
	meta, _ := body["metadata"].(map[string]any)
	if r.Method == http.MethodPost {
		uid, _ := meta["name"].(string)
		if _, there := g.boards[uid]; there {
			write(w, 409, map[string]any{"message": "already exists", "status": "Failure"})
			return
		}
		g.boards[uid] = board{Body: body["spec"].(map[string]any), Version: 1}
		write(w, 201, body)
		return
	}
	uid := part[6]
	b, there := g.boards[uid]
	switch {
	case !there:
		write(w, 404, map[string]any{"message": "not found", "status": "Failure"})
	case r.Method == http.MethodGet:
		write(w, 200, map[string]any{"metadata": map[string]any{"name": uid, "resourceVersion": strconv.Itoa(b.Version)}, "spec": b.Body})
	case r.Method == http.MethodDelete:
		delete(g.boards, uid)
		write(w, 200, map[string]any{})
	case meta["resourceVersion"] != strconv.Itoa(b.Version):
		write(w, 409, map[string]any{"message": "the object has been modified", "status": "Failure"})
	default:
		g.boards[uid] = board{Body: body["spec"].(map[string]any), Version: b.Version + 1}
		write(w, 200, body)
	}
}

package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/dashboards"
)

// API is which of Grafana's interfaces is spoken.
type API string

// The interfaces.
const (
	// APILegacy is /api, which every Grafana since 8 has (default).
	APILegacy API = "legacy"
	// APIResources is /apis, of Grafana 12 and later: boards are sent in the second
	// format.
	APIResources API = "resources"
)

// Config says which Grafana, and how it is reached.
type Config struct {
	URL string // https://grafana.example.com/sub/path
	// Token returns the service account's token at each request, so that one that was
	// changed counts at once; an empty one sends none.
	Token func() (string, error)
	// Org is the organisation's number; empty means the token's own.
	Org string
	// Folder is the UID of the folder for boards that name none; it is made where it is
	// missing, under FolderTitle. Empty is the root.
	Folder, FolderTitle string
	API                 API
	// Namespace is that of [APIResources]: default, org-2 or stacks-7.
	Namespace string
	Client    *http.Client
	// Now is for Retry-After with a date; default time.Now.
	Now func() time.Time
}

// Grafana publishes over HTTP. It is safe for concurrent use.
type Grafana struct {
	c    Config
	base *url.URL
}

// New returns a publisher. It refuses a configuration that cannot work.
func New(c Config) (*Grafana, error) {
	base, err := url.Parse(strings.TrimRight(c.URL, "/"))
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("publish: Grafana's URL is none; write it like https://grafana.example.com")
	case base.User != nil:
		return nil, errors.New("publish: Grafana's URL has credentials in it; name a file with a token instead")
	case c.Client == nil:
		return nil, errors.New("publish: there is no HTTP client")
	case c.API != "" && c.API != APILegacy && c.API != APIResources:
		return nil, fmt.Errorf("publish: %q is no API of Grafana; write legacy or resources", c.API)
	}
	if c.Token == nil {
		c.Token = func() (string, error) { return "", nil }
	}
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Grafana{c: c, base: base}, nil
}

// Publish implements [Publisher]. A board of somebody else's under the same UID is
// left alone.
func (g *Grafana) Publish(ctx context.Context, b dashboards.Board, folder string) (string, error) {
	if folder == "" {
		folder = g.c.Folder
	}
	if err := g.ensureFolder(ctx, folder); err != nil {
		return "", err
	}
	if g.c.API == APIResources {
		return g.publishResource(ctx, b, folder)
	}
	if err := g.ours(ctx, b.UID); err != nil {
		return "", err
	}
	text, err := b.JSON()
	if err != nil {
		return "", &Error{Err: err, Permanent: true}
	}
	body := map[string]any{"dashboard": json.RawMessage(text), "overwrite": true, "message": "written by Serin", "folderUid": folder}
	var done struct {
		URL string `json:"url"`
	}
	if err := g.do(ctx, call{http.MethodPost, "/api/dashboards/db", nil, body}, &done); err != nil {
		return "", err
	}
	return g.address(done.URL), nil
}

// address makes a path of Grafana's a URL. Grafana's answer already has its sub-path.
func (g *Grafana) address(path string) string {
	if path == "" {
		return ""
	}
	u := *g.base
	u.Path = "/" + strings.TrimLeft(path, "/")
	return u.String()
}

// ensureFolder makes a folder that is not there. One that is there stays as it is.
func (g *Grafana) ensureFolder(ctx context.Context, uid string) error {
	if uid == "" {
		return nil
	}
	err := g.do(ctx, call{http.MethodGet, "/api/folders/" + url.PathEscape(uid), nil, nil}, nil)
	if !isStatus(err, http.StatusNotFound) {
		return err
	}
	title := g.c.FolderTitle
	if title == "" || uid != g.c.Folder {
		title = uid
	}
	err = g.do(ctx, call{http.MethodPost, "/api/folders", nil, map[string]string{"uid": uid, "title": title}}, nil)
	if isStatus(err, http.StatusConflict) || isStatus(err, http.StatusPreconditionFailed) {
		return nil // another replica was faster
	}
	return err
}

// ours refuses a UID under which somebody else's board is.
func (g *Grafana) ours(ctx context.Context, uid string) error {
	var there struct {
		Dashboard struct {
			Tags []string `json:"tags"`
		} `json:"dashboard"`
		Meta struct {
			Provisioned bool `json:"provisioned"`
		} `json:"meta"`
	}
	err := g.do(ctx, call{http.MethodGet, "/api/dashboards/uid/" + url.PathEscape(uid), nil, nil}, &there)
	switch {
	case isStatus(err, http.StatusNotFound):
		return nil
	case err != nil:
		return err
	case there.Meta.Provisioned:
		return &Error{Permanent: true, Err: fmt.Errorf("grafana: the board %s was provisioned from a file, and cannot be changed over its API; publish files instead", uid)}
	case !slices.Contains(there.Dashboard.Tags, dashboards.Tag):
		return &Error{Permanent: true, Err: fmt.Errorf("grafana: the board %s was not written by Serin (it lacks the tag %s), so it is left alone; remove it, or give it another UID", uid, dashboards.Tag)}
	}
	return nil
}

// Remove implements [Publisher].
func (g *Grafana) Remove(ctx context.Context, uid string) error {
	if g.c.API == APIResources {
		return g.removeResource(ctx, uid)
	}
	if err := g.ours(ctx, uid); err != nil {
		return err
	}
	err := g.do(ctx, call{http.MethodDelete, "/api/dashboards/uid/" + url.PathEscape(uid), nil, nil}, nil)
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Owned implements [Publisher]. The search is the same in both interfaces.
func (g *Grafana) Owned(ctx context.Context) ([]string, error) {
	const page = 1000
	var out []string
	for n := 1; ; n++ {
		q := url.Values{"type": {"dash-db"}, "tag": {dashboards.Tag}, "limit": {strconv.Itoa(page)}, "page": {strconv.Itoa(n)}}
		var found []struct {
			UID  string   `json:"uid"`
			Tags []string `json:"tags"`
		}
		if err := g.do(ctx, call{http.MethodGet, "/api/search", q, nil}, &found); err != nil {
			return nil, err
		}
		for _, f := range found {
			if slices.Contains(f.Tags, dashboards.Tag) { // older ones ignore what they do not know
				out = append(out, f.UID)
			}
		}
		if len(found) < page {
			slices.Sort(out)
			return slices.Compact(out), nil
		}
	}
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	body         any
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// do sends a request and reads its answer into out, where that is not nil.
func (g *Grafana) do(ctx context.Context, c call, out any) error {
	u := *g.base
	u.RawPath = ""
	target := strings.TrimRight(u.String(), "/") + c.path
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return &Error{Err: fmt.Errorf("grafana: %w", err), Permanent: true}
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, c.method, target, body)
	if err != nil {
		return &Error{Err: errors.New("grafana: the request cannot be written"), Permanent: true}
	}
	token, err := g.c.Token()
	if err != nil {
		return &Error{Err: fmt.Errorf("grafana: the token cannot be read: %w", err)}
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if c.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "serin")
	if g.c.Org != "" {
		r.Header.Set("X-Grafana-Org-Id", g.c.Org)
	}
	a, err := g.c.Client.Do(r)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // its own text has the whole URL
		}
		return &Error{Err: fmt.Errorf("grafana: %s gave no answer: %w", g.base.Host, err)}
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err != nil {
		return &Error{Err: fmt.Errorf("grafana: the answer of %s broke off: %w", g.base.Host, err)}
	}
	if a.StatusCode < 200 || a.StatusCode > 299 {
		return g.refused(a, c, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return &Error{Err: fmt.Errorf("grafana: %s %s was answered with something that is not its JSON; is %s a Grafana, or a login page before it?", c.method, c.path, g.base.Host)}
	}
	return nil
}

package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/serin-canary/serin/dashboards"
)

// stored is a board as the resource API shows it.
type stored struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Spec struct {
		Tags []string `json:"tags"`
	} `json:"spec"`
}

func (g *Grafana) resource(uid string) string {
	path := "/apis/" + dashboards.ResourceAPI + "/namespaces/" + url.PathEscape(g.c.Namespace) + "/dashboards"
	if uid != "" {
		path += "/" + url.PathEscape(uid)
	}
	return path
}

// publishResource creates a board, or replaces the version that was read: somebody who
// writes at the same moment is not overwritten unseen.
func (g *Grafana) publishResource(ctx context.Context, b dashboards.Board, folder string) (string, error) {
	text, err := b.Manifest(folder)
	if err != nil {
		return "", &Error{Err: err, Permanent: true}
	}
	var manifest map[string]any
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", &Error{Err: fmt.Errorf("grafana: %w", err), Permanent: true}
	}
	meta, _ := manifest["metadata"].(map[string]any)
	there, err := g.stored(ctx, b.UID)
	switch {
	case isStatus(err, http.StatusNotFound):
		err = g.do(ctx, call{http.MethodPost, g.resource(""), nil, manifest}, nil)
	case err == nil:
		meta["resourceVersion"] = there.Metadata.ResourceVersion
		err = g.do(ctx, call{http.MethodPut, g.resource(b.UID), nil, manifest}, nil)
	}
	if err != nil {
		return "", err
	}
	return g.base.JoinPath("d", b.UID).String(), nil
}

// stored reads a board, and refuses somebody else's.
func (g *Grafana) stored(ctx context.Context, uid string) (stored, error) {
	var there stored
	if err := g.do(ctx, call{http.MethodGet, g.resource(uid), nil, nil}, &there); err != nil {
		return there, err
	}
	if !slices.Contains(there.Spec.Tags, dashboards.Tag) {
		return there, &Error{Permanent: true, Err: fmt.Errorf("grafana: the board %s was not written by Serin (it lacks the tag %s), so it is left alone", uid, dashboards.Tag)}
	}
	return there, nil
}

func (g *Grafana) removeResource(ctx context.Context, uid string) error {
	_, err := g.stored(ctx, uid)
	if err == nil {
		err = g.do(ctx, call{http.MethodDelete, g.resource(uid), nil, nil}, nil)
	}
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/judge/journal"
)

// maxConfigs bounds how many canary configs are kept and listed.
const maxConfigs = 1000

// kayentaConfigLine is a canary config in the list.
type kayentaConfigLine struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Updated      int64    `json:"updatedTimestamp"`
	UpdatedIso   string   `json:"updatedTimestampIso"`
	Applications []string `json:"applications"`
}

// listConfigs is GET /canaryConfig. Argo asks for it before each measurement and takes
// the first of its name.
func (s *Server) listConfigs(c echo.Context) error {
	list, err := s.configs(c.Request().Context(), c.QueryParam("application"))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, list)
}

// configs lists the canary configs of an application, or all.
func (s *Server) configs(ctx context.Context, application string) ([]kayentaConfigLine, error) {
	list, err := s.cfg.Kayenta.Documents.Documents(ctx, journal.DocumentFilter{Kind: kayentaConfigs, Limit: maxConfigs})
	if err != nil {
		return nil, err
	}
	out := []kayentaConfigLine{}
	for _, d := range list {
		var config kayentaConfig
		if err := json.Unmarshal(d.Body, &config); err != nil {
			return nil, fmt.Errorf("canary config %s cannot be read: %w", d.ID, err)
		}
		if application != "" && !slices.Contains(config.Applications, application) {
			continue
		}
		out = append(out, kayentaConfigLine{d.ID, d.Name, d.Updated.UnixMilli(), iso(d.Updated), orEmpty(config.Applications)})
	}
	return out, nil
}

// getConfig is GET /canaryConfig/{id}.
func (s *Server) getConfig(c echo.Context) error {
	d, err := s.document(c, kayentaConfigs, "there is no such canary config")
	if err != nil {
		return err
	}
	body, err := shownConfig(d)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
}

// shownConfig is a config with what the server keeps about it.
func shownConfig(d journal.Document) (json.RawMessage, error) {
	return withoutNulls(d.Body, map[string]any{
		"id": d.ID, "createdTimestamp": d.Created.UnixMilli(), "createdTimestampIso": iso(d.Created),
		"updatedTimestamp": d.Updated.UnixMilli(), "updatedTimestampIso": iso(d.Updated),
	})
}

// sentConfig reads a config that is to be kept.
func (s *Server) sentConfig(c echo.Context) (kayentaConfig, json.RawMessage, error) {
	body, err := readBody(c)
	if err != nil {
		return kayentaConfig{}, nil, err
	}
	config, err := readKayentaConfig(body)
	if err == nil {
		err = config.storable()
	}
	if err != nil {
		return config, nil, err
	}
	kept, err := withoutNulls(body, nil)
	return config, kept, err
}

// taken refuses a name that another config of one of the applications has.
func (s *Server) taken(ctx context.Context, id string, config kayentaConfig) error {
	list, err := s.configs(ctx, "")
	if err != nil {
		return err
	}
	if len(list) >= maxConfigs {
		return conflict("remove some", "there are %d canary configs already", maxConfigs)
	}
	for _, other := range list {
		shared := slices.ContainsFunc(config.Applications, func(a string) bool { return slices.Contains(other.Applications, a) })
		if other.ID != id && other.Name == config.Name && shared {
			return bad("choose another name, or change that one by PUT", "name: the canary config %s of the same application is called so already", other.ID)
		}
	}
	return nil
}

type kayentaConfigID struct {
	ID string `json:"canaryConfigId"`
}

// addConfig is POST /canaryConfig.
func (s *Server) addConfig(c echo.Context) error {
	config, body, err := s.sentConfig(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if config.ID == "" {
		config.ID = newKayentaID()
	}
	if err := s.taken(ctx, config.ID, config); err != nil {
		return err
	}
	d := journal.Document{Kind: kayentaConfigs, ID: config.ID, Name: config.Name, Owner: config.Applications[0], Body: body}
	if _, err = s.cfg.Kayenta.Documents.AddDocument(ctx, d); errors.Is(err, journal.ErrExists) {
		return bad("change it by PUT, or leave the id out", "id: there is a canary config %s already", quoted(config.ID))
	}
	if err != nil {
		return err
	}
	s.note(ctx, "canary config added", "", d.ID+" "+d.Name)
	return writeJSON(c, http.StatusOK, kayentaConfigID{d.ID})
}

// replaceConfig is PUT /canaryConfig/{id}.
func (s *Server) replaceConfig(c echo.Context) error {
	config, body, err := s.sentConfig(c)
	if err != nil {
		return err
	}
	old, err := s.document(c, kayentaConfigs, "there is no such canary config")
	if err != nil {
		var e *HTTPError
		if errors.As(err, &e) && e.Code == http.StatusNotFound {
			e.Code = http.StatusBadRequest // as in Kayenta
		}
		return err
	}
	ctx := c.Request().Context()
	if err := s.taken(ctx, old.ID, config); err != nil {
		return err
	}
	old.Name, old.Owner, old.Body = config.Name, config.Applications[0], body
	if _, err := s.cfg.Kayenta.Documents.ReplaceDocument(ctx, old); err != nil {
		if errors.Is(err, journal.ErrChanged) || errors.Is(err, journal.ErrNotFound) {
			return conflict("read it again and change it again", "the canary config was changed meanwhile")
		}
		return err
	}
	s.note(ctx, "canary config changed", "", old.ID+" "+old.Name)
	return writeJSON(c, http.StatusOK, kayentaConfigID{old.ID})
}

// removeConfig is DELETE /canaryConfig/{id}. Executions keep the config that they
// began with.
func (s *Server) removeConfig(c echo.Context) error {
	d, err := s.document(c, kayentaConfigs, "there is no such canary config")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.cfg.Kayenta.Documents.RemoveDocument(ctx, kayentaConfigs, d.ID); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	s.note(ctx, "canary config removed", "", d.ID+" "+d.Name)
	return c.NoContent(http.StatusNoContent)
}

type kayentaPairsID struct {
	ID string `json:"metricSetPairListId"`
}

// addPairs is POST /metricSetPairList.
func (s *Server) addPairs(c echo.Context) error {
	body, err := readUpTo(c, kayentaBody)
	if err != nil {
		return err
	}
	var pairs []kayentaPair
	if err := json.Unmarshal(body, &pairs); err != nil {
		return bad("send a list of metric set pairs", "%s", typeFault(err))
	}
	if len(pairs) == 0 {
		return bad("send at least one", "there is no series")
	}
	if err := sanePairs(pairs); err != nil {
		return err
	}
	id := newKayentaID()
	if err := s.keepPairs(c.Request().Context(), id, pairs); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, kayentaPairsID{id})
}

// keepPairs keeps series, so that they can be shown and judged again.
func (s *Server) keepPairs(ctx context.Context, id string, pairs []kayentaPair) error {
	for i := range pairs {
		if pairs[i].ID == "" {
			pairs[i].ID = id + "-" + strconv.Itoa(i)
		}
	}
	body, err := json.Marshal(pairs)
	if err != nil {
		return fmt.Errorf("write series: %w", err)
	}
	s.forget(ctx)
	_, err = s.cfg.Kayenta.Documents.AddDocument(ctx, journal.Document{Kind: kayentaPairLists, ID: id, Body: body})
	return err
}

// getPairs is GET /metricSetPairList/{id}.
func (s *Server) getPairs(c echo.Context) error {
	d, err := s.document(c, kayentaPairLists, "there are no such series")
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, d.Body)
}

// removePairs is DELETE /metricSetPairList/{id}.
func (s *Server) removePairs(c echo.Context) error {
	d, err := s.document(c, kayentaPairLists, "there are no such series")
	if err != nil {
		return err
	}
	if err := s.cfg.Kayenta.Documents.RemoveDocument(c.Request().Context(), kayentaPairLists, d.ID); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// judgeStored is POST /judges/judge: series that are kept are judged by a config that
// is kept.
func (s *Server) judgeStored(c echo.Context) error {
	q, ctx := c.QueryParams(), c.Request().Context()
	config, err := s.documentOf(ctx, kayentaConfigs, q.Get("canaryConfigId"), "canaryConfigId: there is no such canary config")
	if err != nil {
		return err
	}
	series, err := s.documentOf(ctx, kayentaPairLists, q.Get("metricSetPairListId"), "metricSetPairListId: there are no such series")
	if err != nil {
		return err
	}
	var k kayentaCase
	if k.config, err = readKayentaConfig(config.Body); err != nil {
		return err
	}
	if k.thresholds, err = thresholds(q, k.config); err != nil {
		return err
	}
	if err := json.Unmarshal(series.Body, &k.pairs); err != nil {
		return fmt.Errorf("series %s cannot be read: %w", series.ID, err)
	}
	if err := checkPairs(k.pairs, k.config); err != nil {
		return err
	}
	j, err := k.judged()
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, j)
}

// thresholds reads those of an address.
func thresholds(q url.Values, c kayentaConfig) (aca.Thresholds, error) {
	name, err := c.Judge.chosen()
	if err != nil {
		return aca.Thresholds{}, err
	}
	var t kayentaThresholds
	for parameter, to := range map[string]**float64{"passThreshold": &t.Pass, "marginalThreshold": &t.Marginal} {
		v, err := strconv.ParseFloat(q.Get(parameter), 64)
		if err != nil {
			return aca.Thresholds{}, bad("write a number from 0 to 100", "%s: %s is not a number", parameter, quoted(q.Get(parameter)))
		}
		*to = &v
	}
	return t.read(name)
}

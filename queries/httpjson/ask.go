package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/store"
)

// ask makes one request and puts its points on the blocks of a window.
func (s *Source) ask(ctx context.Context, p queries.Part, w queries.Window) (queries.Column, error) {
	address, err := s.fill(p, w)
	if err != nil {
		return nil, s.rejected(err.Error())
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, store.Unreached(s.cfg.Name, s.cfg.Timeout, ctx.Err())
	}
	text, err := s.get(ctx, http.MethodGet, address)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, s.malformed("its answer is not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, s.malformed("its answer is more than one JSON document")
	}
	return s.column(s.points.Get(doc), w)
}

// get makes a request with its credentials and returns the answer.
func (s *Source) get(ctx context.Context, method, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, s.rejected("the source's url, filled in, is none")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "serin")
	for name, value := range s.cfg.Headers {
		req.Header.Set(name, value)
	}
	token := ""
	if s.cfg.Bearer != "" {
		if token, err = s.cfg.Bearer.Read(); err != nil {
			return nil, s.rejected(err.Error())
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	s.made.Add(1)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, store.Unreached(s.cfg.Name, s.cfg.Timeout, err, token)
	}
	defer resp.Body.Close()
	text, err := store.ReadAnswer(resp)
	if err != nil {
		return nil, store.Unreached(s.cfg.Name, s.cfg.Timeout, err, token)
	}
	if fault := store.Answered(s.cfg.Name, resp, string(text[:min(len(text), 1000)]), token); fault != nil && method == http.MethodGet {
		return nil, fault
	}
	return text, nil
}

// column puts points on the blocks of a window.
func (s *Source) column(points []any, w queries.Window) (queries.Column, error) {
	c := queries.Gaps(w.Len())
	given := make([]bool, w.Len())
	for i, point := range points {
		pair, ok := point.([]any)
		if !ok || len(pair) != 2 {
			return nil, s.malformed("what points (%s) finds is not a list of [time, value]: number %d is %.60s", s.cfg.Points, i+1, brief(point))
		}
		at, err := s.readTime(pair[0])
		if err != nil {
			return nil, s.malformed("the time of point %d: %v", i+1, err)
		}
		d := at.Sub(w.Start)
		if d%w.Block != 0 {
			return nil, s.malformed("the time %s is not the beginning of a block of %s; the endpoint must answer one point for each {step}, at its beginning", at.UTC().Format(time.RFC3339Nano), w.Block)
		}
		b := int(d / w.Block)
		if d < 0 || b >= w.Len() {
			continue
		}
		if given[b] {
			return nil, s.malformed("it gives two points for %s; does points find several series, or is the question not narrowed?", at.UTC().Format(time.RFC3339))
		}
		given[b] = true
		if c[b], err = readValue(pair[1]); err != nil {
			return nil, s.malformed("the value at %s: %v", at.UTC().Format(time.RFC3339), err)
		}
	}
	return c, nil
}

func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	return string(b)
}

// readTime reads a time as the configuration says that they are written.
func (s *Source) readTime(v any) (time.Time, error) {
	if s.cfg.Times == rfc3339 {
		text, ok := v.(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if !ok || err != nil {
			return time.Time{}, fmt.Errorf("%.60s is no time like 2026-03-04T10:00:00Z", brief(v))
		}
		return at, nil
	}
	x, err := number(v)
	scale := 1e3
	if s.cfg.Times == millis {
		scale = 1
	}
	if err != nil || x*scale < 0 || x*scale > 1e14 {
		return time.Time{}, fmt.Errorf("%.60s is no time in %s since 1970", brief(v), s.cfg.Times)
	}
	return time.UnixMilli(int64(x*scale + 0.5)), nil
}

// readValue reads a number, or null, which is a gap.
func readValue(v any) (float64, error) {
	if v == nil {
		return queries.Gap(), nil
	}
	return number(v)
}

// number reads a number, also one in quotes.
func number(v any) (float64, error) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x-x != 0 {
		return 0, fmt.Errorf("%.60s is no number", brief(v))
	}
	return x, nil
}

// Ping reports whether the endpoint's server answers, whatever it answers.
func (s *Source) Ping(ctx context.Context) error {
	u, err := url.Parse(s.url.pieces[0].text)
	if err != nil {
		return s.rejected("the url cannot be read")
	}
	root := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	_, err = s.get(ctx, http.MethodHead, root.String())
	return err
}

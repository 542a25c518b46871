package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/journal"
)

func TestDocuments(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		d := journal.Document{Kind: "config", ID: "a", Name: "shop", Owner: "checkout", Body: json.RawMessage(`{"a": "ü"}`)}
		first, err := j.AddDocument(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.AddDocument(t.Context(), d)
		wantIs(t, err, journal.ErrExists)

		c.t = c.t.Add(time.Hour)
		next := first
		next.State, next.Body = "done", json.RawMessage(`[]`)
		if next, err = j.ReplaceDocument(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if next.Revision != 2 || !next.Created.Equal(first.Created) || !next.Updated.Equal(c.t) {
			t.Errorf("got %+v, want revision 2, changed now", next)
		}
		_, err = j.ReplaceDocument(t.Context(), first)
		wantIs(t, err, journal.ErrChanged)
		_, err = j.ReplaceDocument(t.Context(), journal.Document{Kind: "config", ID: "b", Body: d.Body})
		wantIs(t, err, journal.ErrNotFound)

		got, err := open(t, path).Document(t.Context(), "config", "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, got); diff != "" {
			t.Errorf("document (-want +got):\n%s", diff)
		}
		_, err = j.Document(t.Context(), "execution", "a")
		wantIs(t, err, journal.ErrNotFound)
		if n, err := j.PruneDocuments(t.Context(), "config", c.t); err != nil || n != 0 {
			t.Errorf("got %d pruned, error %v; want none", n, err)
		}
		if n, err := j.PruneDocuments(t.Context(), "config", c.t.Add(1)); err != nil || n != 1 {
			t.Errorf("got %d pruned, error %v; want one", n, err)
		}
		wantIs(t, j.RemoveDocument(t.Context(), "config", "a"), journal.ErrNotFound)
		if _, err = j.AddDocument(t.Context(), d); err != nil {
			t.Error(err)
		}
		if err := j.RemoveDocument(t.Context(), "config", "a"); err != nil {
			t.Error(err)
		}
		for name, d := range map[string]journal.Document{
			"no kind": {ID: "a", Body: d.Body}, "no ID": {Kind: "a", Body: d.Body}, "no body": {Kind: "a", ID: "a"},
			"no JSON": {Kind: "a", ID: "a", Body: json.RawMessage(`{`)}, "text": {Kind: "a", ID: "a\x00", Body: d.Body},
		} {
			if _, err := j.AddDocument(t.Context(), d); err == nil {
				t.Errorf("%s: it was accepted", name)
			}
		}
	})
}

func TestDocumentsAreListed(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		for i := range 6 {
			c.t = c.t.Add(time.Minute)
			d := journal.Document{Kind: "run", ID: fmt.Sprint(i), Owner: fmt.Sprint(i % 2), Name: fmt.Sprint(i % 3), State: fmt.Sprint(i % 3), Body: json.RawMessage(`{}`)}
			if _, err := j.AddDocument(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		for name, tt := range map[string]struct {
			filter journal.DocumentFilter
			want   string
		}{
			"all":    {journal.DocumentFilter{Kind: "run"}, "543210"},
			"owner":  {journal.DocumentFilter{Kind: "run", Owner: "1"}, "531"},
			"name":   {journal.DocumentFilter{Kind: "run", Owner: "1", Name: "2"}, "5"},
			"states": {journal.DocumentFilter{Kind: "run", States: []string{"0", "2"}}, "5320"},
			"page":   {journal.DocumentFilter{Kind: "run", Limit: 2, Skip: 2}, "32"},
			"other":  {journal.DocumentFilter{Kind: "config"}, ""},
		} {
			list, err := j.Documents(t.Context(), tt.filter)
			got := ""
			for _, d := range list {
				got += d.ID
			}
			if err != nil || got != tt.want {
				t.Errorf("%s: got %s, error %v; want %s", name, got, err, tt.want)
			}
		}
		if _, err := j.Documents(t.Context(), journal.DocumentFilter{Limit: -1}); err == nil {
			t.Error("a negative limit was accepted")
		}
	})
}

// Of many that finish one execution at once, one does.
func TestOneChangeWins(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		handles := []*journal.Journal{open(t, path), open(t, path), open(t, path)}
		d, err := handles[0].AddDocument(t.Context(), journal.Document{Kind: "run", ID: "a", Body: json.RawMessage(`0`)})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		won := make(chan int, len(handles))
		for i, j := range handles {
			wg.Go(func() {
				mine := d
				mine.Body = json.RawMessage(fmt.Sprint(i + 1))
				switch _, err := j.ReplaceDocument(t.Context(), mine); {
				case err == nil:
					won <- i + 1
				case !errors.Is(err, journal.ErrChanged):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(won)
		got, err := handles[0].Document(t.Context(), "run", "a")
		if winner := <-won; err != nil || len(won) != 0 || string(got.Body) != fmt.Sprint(winner) || got.Revision != 2 {
			t.Errorf("got %+v, error %v; want the one winner's, %d", got, err, winner)
		}
	})
}

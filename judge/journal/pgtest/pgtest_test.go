package pgtest_test

import (
	"testing"

	"github.com/serin-canary/serin/judge/journal/pgtest"
)

func TestAClusterSurvivesACrash(t *testing.T) {
	s := pgtest.Start(t, pgtest.Config{})
	one, other := s.NewDatabase(t), s.NewDatabase(t)
	s.Exec(t, one, `create table kept (n bigint)`)
	s.Exec(t, other, `create table kept (n bigint)`) // a database of its own
	if err := s.Restart("immediate"); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, one, `insert into kept values (1)`)
}

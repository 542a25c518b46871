package outbox_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// What the processes that are killed are told.
const (
	childOf   = "SERIN_OUTBOX_CHILD"    // the database
	childTo   = "SERIN_OUTBOX_RECEIVER" // where to tell
	childName = "SERIN_OUTBOX_NAME"     // what its verdicts are called; empty: it only tells
)

// telling is the kind of the children's jobs.
func telling() outbox.Options {
	o := quick(map[string]outbox.Kind{"tell": {Timeout: 2 * time.Second, First: 50 * time.Millisecond, Longest: time.Second, Concurrency: 8}})
	o.Drain = 5 * time.Second
	return o
}

// child accepts verdicts, each with its job in one transaction, and tells them,
// until it is killed. It prints what was accepted, after it was.
func child(ctx context.Context, where string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	db, closing, err := connect(ctx, where)
	if err != nil {
		return fail(err)
	}
	defer closing()
	q, err := outbox.New(telling())
	if err != nil {
		return fail(err)
	}
	if err := q.Attach(ctx, db); err != nil {
		return fail(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, map[string]outbox.Handler{"tell": post}) }()
	name := os.Getenv(childName)
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	for n := 1; name != ""; n++ {
		key := fmt.Sprintf("%s.%d", name, n)
		err := within(ctx, db, func(tx outbox.Tx, exec func(string, ...any) error) error {
			if err := exec(`insert into verdicts (id) values ($1)`, key); err != nil {
				return err
			}
			return q.Add(ctx, tx, outbox.Job{Kind: "tell", Key: key, Target: "receiver"})
		})
		if err != nil {
			return fail(err)
		}
		fmt.Println(key)
		<-pace.C
	}
	return fail(<-ended)
}

// post tells the receiver a key.
func post(ctx context.Context, j outbox.Job) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(childTo), strings.NewReader(j.Key))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the receiver answered %s", answer.Status)
	}
	return nil
}

// receiver counts what it was told. Some answers are slow, some fail.
type receiver struct {
	mu   sync.Mutex
	told map[string]int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(q.Body); err != nil {
		return
	}
	r.mu.Lock()
	r.told[b.String()]++
	r.mu.Unlock()
	switch rand.IntN(10) {
	case 0, 1, 2: // a kill meets it here
		select {
		case <-q.Context().Done():
		case <-time.After(150 * time.Millisecond):
		}
	case 3:
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) times(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[key]
}

// spawn starts a child. It sends what the child accepted, and closes the channel
// once it has ended.
func spawn(t *testing.T, where, to, name string) (*exec.Cmd, <-chan string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+where, childTo+"="+to, childName+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan string, 1<<16)
	go func() {
		defer close(accepted)
		for s := bufio.NewScanner(out); s.Scan(); {
			accepted <- s.Text()
		}
		_ = cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // where the test did not come so far
	})
	return cmd, accepted
}

// Whatever was accepted is told, although the processes are killed at any moment:
// between the commit and the telling, and while they tell.
func TestKill9LosesNoWork(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it kills processes for half a minute; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	onBoth(t, func(t *testing.T, where string) {
		t.Parallel()
		seen := &receiver{told: map[string]int{}}
		server := httptest.NewServer(seen)
		defer server.Close()
		var all []string
		for round := range 3 {
			cmd, accepted := spawn(t, where, server.URL, fmt.Sprintf("v%d", round))
			for range 40 + 31*round {
				key, ok := <-accepted
				if !ok {
					t.Fatal("the child ended by itself")
				}
				all = append(all, key)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for key := range accepted {
				all = append(all, key) // accepted before it died
			}
		}
		q, _ := attached(t, where, telling())
		before, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		cmd, rest := spawn(t, where, server.URL, "")
		eventually(t, 100*time.Second, "nothing left to tell", func() bool {
			left, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued, Limit: 1})
			return err == nil && len(left) == 0
		})
		took := time.Since(began)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for range rest {
		}
		repeated := 0
		for _, key := range all {
			w, err := q.Get(t.Context(), outbox.ID(key))
			if err != nil || w.State != outbox.Done {
				t.Errorf("%s: got %s, error %v; want it done", key, w.State, err)
			}
			switch n := seen.times(key); {
			case n == 0:
				t.Errorf("%s was accepted and never told", key)
			case n > 1:
				repeated++
			}
		}
		t.Logf("%d accepted over three kills, %d left then, told %s after the restart; %d were told more than once", len(all), len(before), took.Round(time.Second), repeated)
	})
}

// A process that sleeps through its own takeover settles nothing when it wakes.
func TestAZombieSettlesNothing(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it stops a process for longer than its locks last; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	onBoth(t, func(t *testing.T, where string) {
		if !strings.HasPrefix(where, "postgres:") {
			t.Skip("a stopped process that holds SQLite's lock stops everybody")
		}
		t.Parallel()
		hold := make(chan struct{})
		var once sync.Once
		began := make(chan struct{})
		var mu sync.Mutex
		told := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			told++
			first := told == 1
			mu.Unlock()
			if first {
				once.Do(func() { close(began) })
				<-hold
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		defer server.Close()
		q, _ := attached(t, where, telling())
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "a"}); err != nil {
			t.Fatal(err)
		}
		zombie, out := spawn(t, where, server.URL, "")
		<-began
		if err := zombie.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		other, rest := spawn(t, where, server.URL, "")
		w := settledWithin(t, q, "a", 100*time.Second)
		if w.Attempts != 2 {
			t.Errorf("got %d attempts, want 2", w.Attempts)
		}
		close(hold)
		if err := zombie.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "b"}); err != nil {
			t.Fatal(err)
		}
		settledWithin(t, q, "b", 100*time.Second)
		after, err := q.Get(t.Context(), outbox.ID("a"))
		if err != nil || after.Attempts != 2 || !after.Ended.Equal(w.Ended) {
			t.Errorf("got %+v, error %v; want it as the other process settled it, at %s", after, err, w.Ended)
		}
		for _, cmd := range []*exec.Cmd{zombie, other} {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		for range out {
		}
		for range rest {
		}
	})
}

func settledWithin(t *testing.T, q *outbox.Queue, key string, patience time.Duration) outbox.Work {
	t.Helper()
	var w outbox.Work
	eventually(t, patience, key+" done", func() bool {
		var err error
		w, err = q.Get(t.Context(), outbox.ID(key))
		return err == nil && w.State == outbox.Done
	})
	return w
}

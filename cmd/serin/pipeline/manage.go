package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNone says that no rollout of a pipeline is live for a service and a revision.
var ErrNone = errors.New("no rollout of this service and revision is live")

// Which names a rollout of a pipeline.
type Which struct{ Service, Namespace, Revision string }

// Declare declares a weight of the live rollout and returns its ID. A server that is
// away is asked again for as long as retry says.
func (a *Asker) Declare(ctx context.Context, w Which, percent float64, retry time.Duration) (id string, err error) {
	until := a.now().Add(retry)
	if id, err = a.find(ctx, w, until); err != nil {
		return "", err
	}
	return id, a.insist(ctx, until, func() error { return a.Server.declare(ctx, id, percent) })
}

// Close ends the live rollout: it is judged no more, and its record stays.
func (a *Asker) Close(ctx context.Context, w Which, why string, retry time.Duration) (id string, err error) {
	until := a.now().Add(retry)
	if id, err = a.find(ctx, w, until); err != nil {
		return "", err
	}
	return id, a.insist(ctx, until, func() error { return a.Server.end(ctx, id, why) })
}

func (a *Asker) find(ctx context.Context, w Which, until time.Time) (id string, err error) {
	err = a.insist(ctx, until, func() error {
		list, err := a.Server.live(ctx, w.Service, w.Namespace)
		if err != nil {
			return err
		}
		for _, s := range list {
			r := s.Rollout
			if r.Controller == Controller && r.Revision == w.Revision && r.Namespace == w.Namespace {
				id = r.ID
				return nil
			}
		}
		return fmt.Errorf("%w: %s in namespace %q, revision %s", ErrNone, w.Service, w.Namespace, w.Revision)
	})
	return id, err
}

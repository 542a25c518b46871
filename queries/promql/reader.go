package promql

import (
	"context"

	"github.com/serin-canary/serin/queries"
)

// Options configure a [Reader].
type Options struct {
	Source      string   // the source's name, for errors
	SeriesLimit int      // per reading; default 2,000
	Process     []string // labels that name a process, the first that a series has wins; default pod, kubernetes_pod_name, pod_name, instance
}

// Reader answers readings from a [Ranger]. It implements queries.Source.
type Reader struct{}

// NewReader returns a reader.
func NewReader(r Ranger, o Options) *Reader { panic("skeleton") }

// Blocks implements queries.Source.
func (r *Reader) Blocks(ctx context.Context, rd queries.Reading, w queries.Window) (queries.Frame, error) {
	panic("skeleton")
}

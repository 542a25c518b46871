package promql

import (
	"context"

	"github.com/prometheus/common/model"
)

// Range is a range query's grid: instants from Start to End, both included,
// Step apart, all aligned to Step since the Unix epoch. Times are milliseconds.
type Range struct {
	Start, End, Step int64
}

// Ranger answers PromQL range queries. Warnings are what the store said beside
// the data (a partial answer, for example), in its own words.
//
// Errors are of type *queries.Error and carry no credentials.
type Ranger interface {
	Range(ctx context.Context, expr string, r Range) (m model.Matrix, warnings []string, err error)
}

package outbox_test

import (
	"context"
)

const childOf = "SERIN_OUTBOX_CHILD"

func child(ctx context.Context, where string) int { return 0 }

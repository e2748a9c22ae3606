package bench

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync/atomic"

	"slipway.dev/slipway/internal/store"
)

// countingStore counts the reads of evidence.
type countingStore struct {
	store.Store
	evidence int64
}

func (c *countingStore) count(key string) {
	if strings.HasPrefix(key, "evidence/") {
		atomic.AddInt64(&c.evidence, 1)
	}
}

func (c *countingStore) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	c.count(key)
	return c.Store.Open(ctx, key)
}

func (c *countingStore) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	c.count(prefix)
	return c.Store.List(ctx, prefix)
}

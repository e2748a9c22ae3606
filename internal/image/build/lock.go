package build

import (
	"context"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/filelock"
)

// lock takes the lock of one image and tag, so that of two processes that want it at
// once the second finds it made.
func (b *Builder) lock(ctx context.Context, t target) (unlock func(), err error) {
	name := strings.ReplaceAll(t.image.Name, "/", "_") + "-" + t.arch + "-" + t.tag[:16]
	w := filelock.Waiter{For: "image " + t.image.Name, Limit: b.Timeout, Say: b.Say}
	return w.Lock(ctx, filepath.Join(b.Cache, "locks", name))
}

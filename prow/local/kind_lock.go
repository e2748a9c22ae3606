package local

import (
	"context"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/filelock"
)

// lockKind lets one run at a time make and fill the cluster.
func lockKind(ctx context.Context, say func(string)) (unlock func(), err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	w := filelock.Waiter{For: "the kind cluster", Limit: kindCreates + kindLoads, Say: say}
	return w.Lock(ctx, filepath.Join(cache, "slipway", "kind.lock"))
}

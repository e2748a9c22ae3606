package configcmd

import (
	"context"
	"os"
	"path/filepath"

	"slipway.dev/slipway/prow/flow"
)

// generated makes the files of jobs/ that config/flows decides: none where there are no
// flows.
func generated(ctx context.Context, checkout string) (map[string][]byte, error) {
	if _, err := os.Stat(filepath.Join(checkout, "config", "flows")); os.IsNotExist(err) {
		return nil, nil
	}
	return flow.Generated(ctx, checkout)
}

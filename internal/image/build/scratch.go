package build

import (
	"context"
	"path/filepath"

	"slipway.dev/slipway/internal/scratch"
)

// scratch makes a folder for one build or pull. What killed ones left goes first:
// through their folders their containers, and the images of their stages.
func (b *Builder) scratch(ctx context.Context) (folder string, remove func(), err error) {
	return scratch.Place{
		Parent: filepath.Join(b.Cache, "work"), Prefix: "image-",
		Clean: func(folder string) error { return b.Podman.Clean(ctx, folder) },
	}.Make()
}

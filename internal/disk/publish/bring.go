package publish

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/scratch"
)

// IsReference says whether a disk is named by its image in a registry. A file whose name
// could be taken for that is written with / or ./ before it.
func IsReference(named string) bool {
	if strings.HasPrefix(named, "/") || strings.HasPrefix(named, ".") {
		return false
	}
	_, err := ParseReference(named)
	return err == nil
}

// Bring returns the file of a disk. One that is named by its image is pulled into a folder
// that goes with this process, or when remove is called.
func (p Puller) Bring(ctx context.Context, named string, format disk.Format) (file string, remove func(), err error) {
	if !IsReference(named) {
		return named, func() {}, nil
	}
	image, err := ParseReference(named)
	if err != nil {
		return "", nil, err
	}
	folder, remove, err := scratch.Place{Parent: os.TempDir(), Prefix: "slipway-disk-"}.MakeGuarded(ctx)
	if err != nil {
		return "", nil, err
	}
	pulled, err := p.Pull(ctx, image, []disk.Format{format}, folder)
	if err != nil {
		remove()
		return "", nil, err
	}
	return filepath.Join(folder, pulled.Files[0].Name), remove, nil
}

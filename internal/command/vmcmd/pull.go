package vmcmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/scratch"
)

// isReference says whether a disk is named by its image in a registry. A file whose name
// could be taken for that is written with / or ./ before it.
func isReference(named string) bool {
	if strings.HasPrefix(named, "/") || strings.HasPrefix(named, ".") {
		return false
	}
	_, err := publish.ParseReference(named)
	return err == nil
}

func (f *machineFlags) checkWait() error {
	switch {
	case f.wait < 0:
		return cli.Misuse("--wait cannot be less than 0")
	case f.wait > 0 && !isReference(f.image):
		return cli.Misuse("--wait is for an --image in a registry, %s", publish.Forms)
	}
	return nil
}

// bring returns the file of a disk. One that is named by its image is pulled into a folder
// that goes with this process, or when remove is called.
func (f *machineFlags) bring(ctx context.Context, named string, say func(string)) (file string, remove func(), err error) {
	if !isReference(named) {
		return named, func() {}, nil
	}
	image, err := publish.ParseReference(named)
	if err != nil {
		return "", nil, err
	}
	folder, remove, err := scratch.Place{Parent: os.TempDir(), Prefix: "slipway-disk-"}.MakeGuarded(ctx)
	if err != nil {
		return "", nil, err
	}
	format := disk.QCOW2
	if f.bundle {
		format = disk.Bundle
	}
	pulled, err := publish.Puller{Wait: f.wait, Say: say}.Pull(ctx, image, []disk.Format{format}, folder)
	if err != nil {
		remove()
		return "", nil, err
	}
	return filepath.Join(folder, pulled.Files[0].Name), remove, nil
}

package vmcmd

import (
	"context"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
)

func (f *machineFlags) checkWait() error {
	switch {
	case f.wait < 0:
		return cli.Misuse("--wait cannot be less than 0")
	case f.wait > 0 && !publish.IsReference(f.image):
		return cli.Misuse("--wait is for an --image in a registry, %s", publish.Forms)
	}
	return nil
}

// bring returns the file of a disk, and what removes it if it had to be brought.
func (f *machineFlags) bring(ctx context.Context, named string, say func(string)) (file string, remove func(), err error) {
	format := disk.QCOW2
	if f.bundle {
		format = disk.Bundle
	}
	return publish.Puller{Wait: f.wait, Say: say}.Bring(ctx, named, format)
}

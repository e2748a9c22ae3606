package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Input is what an image's locked packages put into its build context: the root file
// system of a base, or packages to install.
type Input struct {
	archive Archive
	name    string // the image's
}

// Input is the input of the image called name in folder, or nil if the folder has no
// debian.yaml.
func (a Archive) Input(name, folder string) (*Input, error) {
	_, err := os.Stat(filepath.Join(folder, SpecFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the packages of %s: %w", name, err)
	}
	return &Input{archive: a, name: name}, nil
}

// Write writes the input for an architecture, which Go calls arch, into dir. What is
// wanted and locked is read from there too: a context holds tracked files only, so
// nothing gets in that the image's tag does not cover.
func (i *Input) Write(ctx context.Context, arch, dir string) error {
	arch = debianArch(arch)
	spec, err := ReadSpec(filepath.Join(dir, SpecFile))
	if err != nil {
		return err
	}
	lock, err := ReadLock(filepath.Join(dir, LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s of %s is missing or not tracked; run: slipway image lock %s, and git add it", LockFile, i.name, i.name)
	}
	if err != nil {
		return err
	}
	packages, err := lock.For(i.name, arch, spec)
	if err != nil {
		return err
	}
	if err := i.archive.Fetch(ctx, lock, arch); err != nil {
		return fmt.Errorf("%w\nIf no place has it any more, lock newer packages: slipway image lock %s", err, i.name)
	}
	if spec.Base() {
		return i.archive.writeBase(ctx, lock, arch, filepath.Join(dir, RootFile))
	}
	return i.archive.writePackages(lock, packages, filepath.Join(dir, PackagesFolder))
}

// debianArch is Debian's name of an architecture that Go calls so.
func debianArch(arch string) string {
	switch arch {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	case "ppc64le":
		return "ppc64el"
	}
	return arch
}

package vmcmd

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/disk/sparse"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/scratch"
)

// source is what a guest boots from.
type source struct {
	name                   string // for people
	image                  *image // nil of a kernel alone
	kernel, initrd, append string
	disks                  []qemu.Disk
	close                  func() // removes what was unpacked
}

// open looks at what the flags name. What was pulled and unpacked stays until close is called.
func (f *machineFlags) open(ctx context.Context, say func(string)) (*source, error) {
	s := &source{kernel: f.kernel, initrd: f.initrd, append: f.append, name: filepath.Base(f.kernel), close: func() {}}
	if f.image == "" {
		return s, nil
	}
	file, remove, err := f.bring(ctx, f.image, say)
	if err != nil {
		return nil, err
	}
	s.close = remove
	if err := f.look(ctx, s, file, say); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// look looks at the disk that a guest boots from.
func (f *machineFlags) look(ctx context.Context, s *source, file string, say func(string)) error {
	i, err := openImage(file, say)
	if err != nil {
		return err
	}
	if s.image, s.name = i, filepath.Base(i.File); publish.IsReference(f.image) {
		s.name = f.image
	}
	if f.bundle {
		return s.unpack(ctx, i)
	}
	s.disks = []qemu.Disk{i.Disk}
	return nil
}

func (s *source) digest() string {
	if s.image == nil {
		return ""
	}
	return s.image.Digest
}

func (s *source) subjects() []evidence.Subject { return s.image.subjects() }

// unchanged says whether what was tested is still what its digest was taken of.
func (s *source) unchanged() error {
	if s.image == nil {
		return nil
	}
	return s.image.unchanged()
}

// The files of a bundle.
const (
	bundleKernel   = "vmlinuz"
	bundleInitrd   = "initrd"
	bundleRoot     = "root.ext4"
	bundleDescribe = "bundle.json"
)

// bundle is what a bundle says of itself.
type bundle struct {
	Arguments []string `json:"arguments"` // of the kernel
}

// unpack unpacks a bundle into a folder that goes with this process.
func (s *source) unpack(ctx context.Context, i *image) error {
	folder, remove, err := scratch.Place{Parent: os.TempDir(), Prefix: "slipway-bundle-"}.MakeGuarded(ctx)
	if err != nil {
		return err
	}
	pulled := s.close
	s.close = func() { remove(); pulled() }
	if err := unpackBundle(ctx, i.File, folder); err != nil {
		return fmt.Errorf("unpack the bundle %s: %w", i.File, err)
	}
	data, err := os.ReadFile(filepath.Join(folder, bundleDescribe))
	if err != nil {
		return fmt.Errorf("%s is no bundle: %w", i.File, err)
	}
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("parse %s of %s: %w", bundleDescribe, i.File, err)
	}
	there := func(name string) string {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return ""
		}
		return filepath.Join(folder, name)
	}
	if s.kernel = there(bundleKernel); s.kernel == "" {
		return fmt.Errorf("%s is no bundle: it has no %s", i.File, bundleKernel)
	}
	s.initrd, s.append = there(bundleInitrd), strings.Join(b.Arguments, " ")
	if root := there(bundleRoot); root != "" {
		s.disks = []qemu.Disk{{File: root, Format: "raw"}}
	}
	return nil
}

// unpackBundle writes the files of a bundle, and nothing else that its tar may hold.
func unpackBundle(ctx context.Context, file, folder string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for r := tar.NewReader(f); ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch header.Name {
		case bundleKernel, bundleInitrd, bundleRoot, bundleDescribe:
		default:
			continue
		}
		if header.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is no file in it", header.Name)
		}
		if err := writeFile(filepath.Join(folder, header.Name), r); err != nil {
			return err
		}
	}
}

func writeFile(file string, from io.Reader) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return sparse.Write(f, from)
}

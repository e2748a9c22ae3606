package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/disk/source"
	"slipway.dev/slipway/internal/guest"
)

// image opens an OCI image. It is named once, and known by its digest from then on.
func (c Cache) image(ctx context.Context, o *Opened, reference string) error {
	img, err := source.Open(ctx, reference, c.Say)
	if err != nil {
		return err
	}
	o.Digest = img.Digest
	return c.hold(ctx, o, "", func(ctx context.Context, tree string) error {
		work := filepath.Dir(tree)
		layers := source.Cache{Folder: filepath.Join(work, "layers"), Scratch: work, Say: c.Say}
		files, err := layers.Layers(ctx, img)
		if err != nil {
			return err
		}
		defer source.Close(files)
		flat := mutate.Extract(stack{empty.Image, files})
		err = program(ctx, flat, append(untar(tree), "--file=-")...)
		return errors.Join(err, flat.Close(), os.RemoveAll(layers.Folder))
	})
}

// stack is an image that is nothing but its layers, as files.
type stack struct {
	v1.Image
	files []*os.File
}

// Layers are the layers, the lowest first.
func (s stack) Layers() ([]v1.Layer, error) {
	var layers []v1.Layer
	for _, f := range s.files {
		l, err := partial.UncompressedToLayer(layer{f})
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return layers, nil
}

type layer struct{ file *os.File }

func (layer) DiffID() (v1.Hash, error)            { return v1.Hash{}, errors.ErrUnsupported }
func (layer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }
func (l layer) Uncompressed() (io.ReadCloser, error) {
	info, err := l.file.Stat()
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(l.file, 0, info.Size())), nil
}

// inits are where a root file system has its first program.
var inits = []string{"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/init"}

// findInit finds the first program, following links as they are inside. It is empty if
// there is none, which is a failed test of the image and no error.
func findInit(tree string) (string, error) {
	root, err := unix.Open(tree, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", tree, err)
	}
	defer unix.Close(root)
	for _, name := range inits {
		fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		err = unix.Fstat(fd, &stat)
		_ = unix.Close(fd)
		if err == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG && stat.Mode&0o111 != 0 {
			return name, nil
		}
	}
	return "", nil
}

// check says why a container cannot start, whatever runs it.
func (c Config) check() error {
	if c.Root.Init == "" {
		return &guest.BootError{Reason: "has no init: none of " + strings.Join(inits, ", ") + " is a program in it"}
	}
	return nil
}

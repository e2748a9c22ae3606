package source

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slipway.dev/slipway/internal/progress"
)

// Cache keeps layers under the digests of their bytes: as a folder FOLDER/HEX of their
// files, or as they are, FOLDER/HEX.tar. Several processes may use one at once: a layer
// appears whole, and a folder is locked as long as somebody reads in it.
type Cache struct {
	Folder  string
	Scratch string // for what is under way, on the same file system
	Bound   int64  // bytes that are kept when nobody needs more; see Prune
	Say     func(string)
}

// maxLayer is how large a layer may be. One that claims more is a bomb.
const maxLayer = 256 << 30

// Layers opens an image's layers as tars, the lowest first.
func (c Cache) Layers(ctx context.Context, i *Image) ([]*os.File, error) {
	files, err := each(ctx, c, i, c.layer)
	if err != nil {
		Close(files)
		return nil, err
	}
	return files, nil
}

// Close closes layers.
func Close(files []*os.File) {
	for n, f := range files {
		if f != nil && !slices.Contains(files[:n], f) {
			_ = f.Close()
		}
	}
}

// each does something with every layer, some at once. Layers may repeat.
func each[T any](ctx context.Context, c Cache, i *Image, do func(context.Context, *Image, int) (T, error)) ([]T, error) {
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache of layers: %w; name another with --cache", err)
	}
	all := make([]T, len(i.layers))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for n, id := range i.diffIDs {
		if slices.Index(i.diffIDs, id) < n {
			continue
		}
		group.Go(func() error {
			var err error
			if all[n], err = do(groupCtx, i, n); err != nil {
				return fmt.Errorf("layer %d of %d, %s: %w", n+1, len(i.layers), i.layers[n].Digest, err)
			}
			return nil
		})
	}
	err := group.Wait()
	for n, id := range i.diffIDs {
		all[n] = all[slices.Index(i.diffIDs, id)]
	}
	return all, err
}

// layer opens a layer that is here, or brings it.
func (c Cache) layer(ctx context.Context, i *Image, n int) (*os.File, error) {
	path := filepath.Join(c.Folder, i.diffIDs[n].Hex+".tar")
	if f, err := os.Open(path); !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	f, err := os.CreateTemp(c.Scratch, "layer-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	err = c.bring(ctx, i, n, func(content io.Reader) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		_, err := io.CopyBuffer(f, content, make([]byte, 256<<10))
		return err
	})
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// bring reads a layer, perhaps again from the start after a fault, and sees that its bytes
// are what its digest says.
func (c Cache) bring(ctx context.Context, i *Image, n int, read func(io.Reader) error) error {
	what := fmt.Sprintf("bring layer %d of %d, %d MB", n+1, len(i.layers), i.layers[n].Size>>20)
	defer progress.Watch(10*time.Second, what, c.Say)()
	return i.origin.blob(ctx, i.layers[n], func(r io.Reader) error { return unpack(ctx, r, i.diffIDs[n], read) })
}

// unpack reads a compressed layer to its end, and sees that it is the one that is wanted.
func unpack(ctx context.Context, from io.Reader, want v1.Hash, read func(io.Reader) error) error {
	content, closeContent, err := uncompressed(from)
	if err != nil {
		return err
	}
	defer closeContent()
	sum := sha256.New()
	limited := &io.LimitedReader{R: contextReader{ctx, content}, N: maxLayer}
	all := io.TeeReader(limited, sum)
	if err = read(all); err == nil {
		_, err = io.Copy(io.Discard, all) // what follows the end of the archive is the layer's too
	}
	switch {
	case err != nil:
		return fmt.Errorf("unpack it: %w", err)
	case limited.N == 0:
		return fmt.Errorf("it unpacks to more than %d bytes", int64(maxLayer))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.Hex {
		return fmt.Errorf("it unpacks to sha256:%s, and the image says %s", got, want)
	}
	return nil
}

type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// uncompressed sees by its first bytes how a layer is compressed: not every builder
// says it rightly.
func uncompressed(from io.Reader) (content io.Reader, closeContent func(), err error) {
	buffered := bufio.NewReaderSize(from, 256<<10)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		r, err := gzip.NewReader(buffered)
		return r, func() {}, err
	case len(magic) == 4 && string(magic) == "\x28\xb5\x2f\xfd":
		r, err := zstd.NewReader(buffered)
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	}
	return buffered, func() {}, nil
}

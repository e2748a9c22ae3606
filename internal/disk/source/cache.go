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

// Cache keeps uncompressed layers, as FOLDER/HEX.tar. Several processes may use one at
// once: a layer appears whole, and one that is removed is still read by who has it open.
type Cache struct {
	Folder  string
	Scratch string // for what is under way, on the same file system
	Bound   int64  // bytes that are kept when nobody needs more; see Prune
	Say     func(string)
}

// maxLayer is how large a layer may be. One that claims more is a bomb.
const maxLayer = 256 << 30

// Layers opens an image's layers, the lowest first.
func (c Cache) Layers(ctx context.Context, i *Image) (_ []*os.File, err error) {
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache of layers: %w; name another with --cache", err)
	}
	files := make([]*os.File, len(i.layers))
	defer func() {
		if err != nil {
			Close(files)
		}
	}()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	first := map[v1.Hash]int{} // layers may repeat
	for n, id := range i.diffIDs {
		if _, ok := first[id]; ok {
			continue
		}
		first[id] = n
		group.Go(func() error {
			var err error
			if files[n], err = c.layer(groupCtx, i, n); err != nil {
				return fmt.Errorf("layer %d of %d, %s: %w", n+1, len(i.layers), i.layers[n].Digest, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return files, err
	}
	for n, id := range i.diffIDs {
		files[n] = files[first[id]]
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

func (c Cache) path(id v1.Hash) string { return filepath.Join(c.Folder, id.Hex+".tar") }

// layer opens a layer that is here, or brings it.
func (c Cache) layer(ctx context.Context, i *Image, n int) (*os.File, error) {
	id := i.diffIDs[n]
	if f, err := os.Open(c.path(id)); err == nil {
		now := time.Now()
		_ = os.Chtimes(c.path(id), now, now) // for Prune alone
		return f, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	what := fmt.Sprintf("bring layer %d of %d, %d MB", n+1, len(i.layers), i.layers[n].Size>>20)
	defer progress.Watch(10*time.Second, what, c.Say)()
	f, err := os.CreateTemp(c.Scratch, "layer-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	err = i.origin.blob(ctx, i.layers[n], func(r io.Reader) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		return unpack(ctx, f, r, id)
	})
	if err == nil {
		err = os.Rename(f.Name(), c.path(id))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// unpack writes a layer's bytes, and sees that they are what its digest says.
func unpack(ctx context.Context, to io.Writer, from io.Reader, want v1.Hash) error {
	content, closeContent, err := uncompressed(from)
	if err != nil {
		return err
	}
	defer closeContent()
	sum := sha256.New()
	limited := &io.LimitedReader{R: contextReader{ctx, content}, N: maxLayer}
	if _, err := io.CopyBuffer(io.MultiWriter(to, sum), limited, make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("unpack it: %w", err)
	}
	if limited.N == 0 {
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

// Prune removes the layers that were not used for the longest time, until the rest is
// within the bound. Who has one open reads on.
func (c Cache) Prune() error {
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return err
	}
	var layers []os.FileInfo
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".tar" {
			layers = append(layers, info)
			total += info.Size()
		}
	}
	slices.SortFunc(layers, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, layer := range layers {
		if total <= c.Bound {
			return nil
		}
		if err := os.Remove(filepath.Join(c.Folder, layer.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		total -= layer.Size()
	}
	return nil
}

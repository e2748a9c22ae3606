package deb

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"slipway.dev/slipway/packagebuild"
)

// maxWindow is how many bytes of memory a compressed stream may ask for.
const maxWindow = 128 << 20

// readTar visits the entries of a compressed tar, and reads it to its last
// byte, where the checksum of the compression is. Ext says which: .gz, .xz, .zst or nothing.
func readTar(ext string, r io.Reader, visit func(tarEntry) error) error {
	plain, stop, err := decompress(ext, r)
	if err != nil {
		return err
	}
	defer stop()
	plain = packagebuild.Bounded(plain, packagebuild.MaxUnpacked)
	seen := map[string]byte{}
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		e := tarEntry{Header: h, Reader: archive}
		if err := e.check(seen); err != nil {
			return err
		}
		if packagebuild.IsSparse(h) {
			return fmt.Errorf("entry %q is sparse", h.Name)
		}
		if err := visit(e); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return readZeros(plain)
}

// decompress opens what ext says; stop frees it.
func decompress(ext string, r io.Reader) (plain io.Reader, stop func(), err error) {
	stop = func() {}
	switch ext {
	case "":
		plain = r
	case ".gz":
		plain, err = gzip.NewReader(r)
	case ".xz":
		plain, err = xz.NewReader(r, maxWindow)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			plain, stop = z, z.Close
		}
	default:
		err = fmt.Errorf("compression %q is not supported; use gzip, xz, zstd or none", ext)
	}
	return plain, stop, err
}

// readZeros reads to the end; a tar is followed by nothing but zeros.
func readZeros(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return errors.New("something follows the end of the tar")
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// tarEntry is one entry of a tar; the Reader has its bytes.
type tarEntry struct {
	*tar.Header
	io.Reader
	path string // absolute, as installed; "/" is the root
}

// check cleans the entry's name, and refuses names that lead elsewhere, come
// twice, or lie below something that is no folder. Seen collects types by path.
func (e *tarEntry) check(seen map[string]byte) error {
	bare := strings.TrimSuffix(strings.TrimPrefix(e.Name, "./"), "/")
	if e.Name == "./" || e.Name == "." {
		bare = ""
	}
	e.path = "/" + bare
	if path.Clean(e.path) != e.path || (bare == "" && e.Typeflag != tar.TypeDir) {
		return fmt.Errorf("entry %q leads out of the package or is not spelled plainly", e.Name)
	}
	if _, twice := seen[e.path]; twice {
		return fmt.Errorf("entry %q is there twice", e.Name)
	}
	for dir := path.Dir(e.path); dir != "/"; dir = path.Dir(dir) {
		if kind, ok := seen[dir]; ok && kind != tar.TypeDir {
			return fmt.Errorf("entry %q lies below %s, which is no folder", e.Name, dir)
		}
	}
	if len(seen) >= packagebuild.MaxEntries {
		return fmt.Errorf("more than %d entries", packagebuild.MaxEntries)
	}
	seen[e.path] = e.Typeflag
	return nil
}

package imagediff

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	maxDatabase = 64 << 20  // bytes of the package databases in one layer
	maxWindow   = 128 << 20 // bytes that zstd may look back, as of zstd --ultra
)

// scan reads a layer to its end, and finds out what it does to package databases, by
// their paths.
func scan(layer io.Reader) (map[string]*trace, error) {
	plain, end, err := decompress(layer)
	if err != nil {
		return nil, err
	}
	defer end()
	s := scanner{traces: map[string]*trace{}, left: maxDatabase}
	files := tar.NewReader(plain)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := s.entry(header, files); err != nil {
			return nil, fmt.Errorf("%q: %w", header.Name, err)
		}
	}
	_, err = io.Copy(io.Discard, plain) // where its checksum is
	return s.traces, err
}

// decompress knows a layer's form by its first bytes, as media types do not always tell.
func decompress(layer io.Reader) (plain io.Reader, end func(), err error) {
	buffered := bufio.NewReaderSize(layer, 64<<10)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return buffered, func() {}, nil
}

// scanner gathers the traces of one layer.
type scanner struct {
	traces map[string]*trace
	left   int64 // bytes of databases that may still come
}

func (s *scanner) trace(db database) *trace {
	if s.traces[db.path] == nil {
		s.traces[db.path] = &trace{parts: map[string][]Package{}, gone: map[string]bool{}}
	}
	return s.traces[db.path]
}

// Whiteouts are files that say that lower layers' files are gone.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq" // the whole folder that it is in
)

func (s *scanner) entry(header *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	folder, base := path.Split(name)
	folder = strings.TrimSuffix(folder, "/")
	switch {
	case base == opaque:
		s.hide(folder)
		return nil
	case strings.HasPrefix(base, whiteout):
		s.remove(path.Join(folder, strings.TrimPrefix(base, whiteout)))
		return nil
	case header.Typeflag == tar.TypeDir:
		s.folder(name)
		return nil
	}
	return s.file(name, header, content)
}

// hide takes what lower layers have at a path and below it out of their hands. The empty
// path is the root.
func (s *scanner) hide(name string) {
	found := below(name)
	if name == "" {
		found = databases
	}
	for _, db := range found {
		s.trace(db).hides = true
	}
}

// remove does it, where the path may also be a part of a database.
func (s *scanner) remove(name string) {
	s.hide(name)
	if db, ok := partOf(name); ok && db.isFolder {
		s.trace(db).gone[name] = true
	}
}

// folder is nothing new, unless it stands where lower layers may have a file.
func (s *scanner) folder(name string) {
	if db, ok := partOf(name); ok {
		s.trace(db).gone[name] = true
	}
}

// file takes the place of whatever lower layers have at its path.
func (s *scanner) file(name string, header *tar.Header, content io.Reader) error {
	s.remove(name)
	if header.Typeflag == tar.TypeSymlink {
		s.link(name, header.Linkname)
		return nil
	}
	db, ok := partOf(name)
	if !ok || !db.isPart(name) {
		return nil
	}
	t := s.trace(db)
	switch {
	case header.Typeflag == tar.TypeLink:
		t.notes = append(t.notes, fmt.Sprintf("%s: %q is a hard link to %q, which is not followed", db.format, name, header.Linkname))
		return nil
	case header.Typeflag != tar.TypeReg:
		t.notes = append(t.notes, fmt.Sprintf("%s: %q is no regular file", db.format, name))
		return nil
	case db.format == rpm: // one file is enough to know that there is a database
		t.parts[name], t.hides = nil, true
		return nil
	}
	if s.left -= header.Size; s.left < 0 {
		return fmt.Errorf("the package databases of the layer have more than %d MiB, which none has", maxDatabase>>20)
	}
	packages, err := parse(db.format, content)
	t.parts[name] = packages
	return err
}

// link remarks on a symbolic link to where no known database is. So a database that was
// moved away is not taken for deleted.
func (s *scanner) link(name, target string) {
	for _, db := range databases {
		rest, isBelow := strings.CutPrefix(db.path+"/", name+"/")
		if part, ok := partOf(name); ok && part == db {
			rest, isBelow = "", true
		}
		if !isBelow || isDatabase(follow(name, target, rest)) {
			continue
		}
		t := s.trace(db)
		t.notes = append(t.notes, fmt.Sprintf("%s: %q is a symbolic link to %q, which is not followed", db.format, name, target))
	}
}

// follow is where rest is that is named below a link.
func follow(link, target, rest string) string {
	if !path.IsAbs(target) {
		target = path.Join("/", path.Dir(link), target)
	}
	return strings.TrimPrefix(path.Join(target, rest), "/")
}

func isDatabase(name string) bool {
	for _, db := range databases {
		if db.path == name {
			return true
		}
	}
	return false
}

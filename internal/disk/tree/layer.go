package tree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Limits of what a tree takes. Linux has the first three; the fourth keeps a layer from
// filling the memory with names, and the last from filling the disk with nothing.
const (
	maxName    = 255
	maxPath    = 4096
	maxTarget  = 4095
	maxEntries = 4 << 20
	maxSparse  = 16 << 30
)

// Layer is an uncompressed layer.
type Layer struct {
	Content io.ReaderAt
	Size    int64
}

// Spare keeps the bytes of a sparse file, which are not in one piece in its layer.
type Spare func(content io.Reader) (io.ReaderAt, error)

// entry is one entry of a layer.
type entry struct {
	path   []string // elements
	header *tar.Header
	offset int64       // where in the layer its bytes are
	apart  io.ReaderAt // its bytes, if they are not there
}

// read lists a layer.
func (l Layer) read(ctx context.Context, spare Spare) ([]entry, error) {
	section := io.NewSectionReader(l.Content, 0, l.Size)
	reader := tar.NewReader(section)
	var entries []entry
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("after %d entries: %w", len(entries), err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		e := entry{header: header}
		if e.offset, err = section.Seek(0, io.SeekCurrent); err != nil {
			return nil, err
		}
		if e.path, err = checkPath(header.Name); err == nil {
			err = e.check(reader, l.Size, spare)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", header.Name, err)
		}
		if entries = append(entries, e); len(entries) > maxEntries {
			return nil, fmt.Errorf("it has more than %d entries", maxEntries)
		}
	}
}

// check refuses what no file system could hold, and reads what is not in one piece.
func (e *entry) check(reader io.Reader, layer int64, spare Spare) error {
	h := e.header
	for _, number := range []int64{int64(h.Uid), int64(h.Gid), h.Devmajor, h.Devminor} {
		if number < 0 || number > math.MaxUint32 {
			return fmt.Errorf("%d is no owner, group or device number", number)
		}
	}
	switch {
	case h.Typeflag == tar.TypeSymlink && (h.Linkname == "" || len(h.Linkname) > maxTarget):
		return fmt.Errorf("a symbolic link of %d bytes is none", len(h.Linkname))
	case isSparse(h) && h.Size > maxSparse:
		return fmt.Errorf("a sparse file of %d bytes is larger than is taken, %d", h.Size, int64(maxSparse))
	case isSparse(h):
		var err error
		e.apart, err = spare(reader)
		return err
	case isRegular(h) && h.Size > layer-e.offset:
		return errors.New("the layer ends before the file does")
	}
	return nil
}

func isRegular(h *tar.Header) bool {
	return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont || h.Typeflag == tar.TypeGNUSparse
}

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// checkPath splits a path into its elements. One that climbs is refused, though here
// it could not leave the tree: no honest layer has it.
func checkPath(name string) ([]string, error) {
	if len(name) > maxPath {
		return nil, fmt.Errorf("its path is longer than %d bytes", maxPath)
	}
	path := elements(name)
	for _, element := range path {
		switch {
		case element == "..":
			return nil, errors.New("its path climbs out by ..")
		case len(element) > maxName:
			return nil, fmt.Errorf("an element of its path is longer than %d bytes", maxName)
		case strings.ContainsRune(element, 0):
			return nil, errors.New("its path holds a zero byte")
		}
	}
	return path, nil
}

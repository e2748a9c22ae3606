package tree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
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

// Unpack unpacks a layer into an empty folder: the bytes of its files, and the index.
func Unpack(ctx context.Context, layer io.Reader, folder string) error {
	u := unpacking{folder: folder, buffer: make([]byte, 256<<10)}
	reader := tar.NewReader(layer)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return u.index.write(folder)
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("after %d entries: %w", len(u.index.Entries), err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := u.add(header, reader); err != nil {
			return fmt.Errorf("entry %q: %w", header.Name, err)
		}
		if len(u.index.Entries) > maxEntries {
			return fmt.Errorf("it has more than %d entries", maxEntries)
		}
	}
}

// unpacking is a layer on its way into a folder.
type unpacking struct {
	folder string
	index  index
	files  int
	buffer []byte
}

// add takes an entry, and the bytes of its file.
func (u *unpacking) add(h *tar.Header, content io.Reader) error {
	if err := check(h); err != nil {
		return err
	}
	e := entryOf(h)
	if e.Type == tar.TypeReg {
		u.files++
		e.File = u.files
		if err := u.keep(e, isSparse(h), content); err != nil {
			return err
		}
		u.index.Bytes += e.Size
	}
	u.index.Entries = append(u.index.Entries, e)
	return nil
}

// keep writes the bytes of a file. Those of a sparse one keep their holes.
func (u *unpacking) keep(e entry, sparse bool, content io.Reader) (err error) {
	f, err := os.OpenFile(filepath.Join(u.folder, strconv.Itoa(e.File)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	to := io.Writer(struct{ io.Writer }{f}) // takes the buffer, and not one of its own
	if sparse {
		to = &holes{to: f}
	}
	if _, err := io.CopyBuffer(to, content, u.buffer); err != nil {
		return err
	}
	if sparse {
		return f.Truncate(e.Size)
	}
	return nil
}

// holes writes what is not zero.
type holes struct {
	to io.WriterAt
	at int64
}

func (h *holes) Write(p []byte) (int, error) {
	if strings.Trim(string(p), "\x00") != "" {
		if _, err := h.to.WriteAt(p, h.at); err != nil {
			return 0, err
		}
	}
	h.at += int64(len(p))
	return len(p), nil
}

// check refuses what no file system could hold.
func check(h *tar.Header) error {
	if _, err := checkPath(h.Name); err != nil {
		return err
	}
	for _, number := range []int64{int64(h.Uid), int64(h.Gid), h.Devmajor, h.Devminor} {
		if number < 0 || number > math.MaxUint32 {
			return fmt.Errorf("%d is no owner, group or device number", number)
		}
	}
	switch {
	case h.Typeflag == tar.TypeSymlink && (h.Linkname == "" || len(h.Linkname) > maxTarget || strings.ContainsRune(h.Linkname, 0)):
		return fmt.Errorf("a symbolic link of %d bytes is none", len(h.Linkname))
	case isSparse(h) && h.Size > maxSparse:
		return fmt.Errorf("a sparse file of %d bytes is larger than is taken, %d", h.Size, int64(maxSparse))
	}
	return nil
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

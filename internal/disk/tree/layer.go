package tree

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Layer is an unpacked layer.
type Layer struct {
	folder  string
	entries []entry
}

// entry is what a layer says of one file.
type entry struct {
	Name         string
	Type         byte // as in a tar; a regular file of any kind is tar.TypeReg
	Mode         uint32
	UID, GID     uint32
	Modified     time.Time
	Link         string // that it is, symbolic or hard
	Major, Minor uint32
	Size         int64
	File         int // number of the file that has its bytes
	Xattrs       map[string]string
}

func entryOf(h *tar.Header) entry {
	e := entry{
		Name: h.Name, Type: h.Typeflag, Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid),
		Modified: h.ModTime, Link: h.Linkname, Major: uint32(h.Devmajor), Minor: uint32(h.Devminor), Size: h.Size,
	}
	if e.Type == tar.TypeCont || e.Type == tar.TypeGNUSparse {
		e.Type = tar.TypeReg
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[name] = value
		}
	}
	return e
}

// split is the path of a file's directory, and its name there, which the root has not.
func (e entry) split() (folder []string, name string) {
	path := elements(e.Name)
	if len(path) == 0 {
		return nil, ""
	}
	return path[:len(path)-1], path[len(path)-1]
}

func (l Layer) content(e entry) string { return filepath.Join(l.folder, strconv.Itoa(e.File)) }

// index is what is written beside the files of a layer.
type index struct {
	Bytes   int64 // of all files
	Entries []entry
}

const indexFile = "index"

// ErrDamaged is a folder that does not hold what was unpacked into it.
var ErrDamaged = errors.New("the unpacked layer is damaged")

// write writes the index, with a line before it that says its sum.
func (i index) write(folder string) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(i); err != nil {
		return err
	}
	head := fmt.Sprintf("%x %d\n", sha256.Sum256(b.Bytes()), i.Bytes)
	return os.WriteFile(filepath.Join(folder, indexFile), append([]byte(head), b.Bytes()...), 0o600)
}

// Open opens a layer that was unpacked into a folder. A power cut may have left files
// shorter than they were: the index is known by its sum, and each file by its size.
func Open(folder string) (Layer, error) {
	raw, err := os.ReadFile(filepath.Join(folder, indexFile))
	if err != nil {
		return Layer{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	head, data, _ := bytes.Cut(raw, []byte("\n"))
	var i index
	if !strings.HasPrefix(string(head), fmt.Sprintf("%x ", sha256.Sum256(data))) {
		return Layer{}, fmt.Errorf("%w: its index is another one", ErrDamaged)
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&i); err != nil {
		return Layer{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	l := Layer{folder, i.Entries}
	for _, e := range l.entries {
		if e.File == 0 {
			continue
		}
		if info, err := os.Lstat(l.content(e)); err != nil || info.Size() != e.Size || !info.Mode().IsRegular() {
			return Layer{}, fmt.Errorf("%w: the file of %s has another size", ErrDamaged, e.Name)
		}
	}
	return l, nil
}

// Bytes is how large the files of a layer in a folder are. Of one that is damaged it is 0.
func Bytes(folder string) int64 {
	f, err := os.Open(filepath.Join(folder, indexFile))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	var sum string
	var n int64
	if _, err := fmt.Fscan(f, &sum, &n); err != nil {
		return 0
	}
	return n
}

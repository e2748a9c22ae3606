package packagebuild

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// SkipVCS skips git's own files at any depth, as `tar --exclude .git` does:
// a submodule's .git is a file, and just as unwanted.
func SkipVCS(rel string) bool { return path.Base(rel) == ".git" }

// SkipPackaging skips what SkipVCS does, and the packaging/ of the tree's top.
// A folder of that name further down is the program's own and stays.
func SkipPackaging(rel string) bool { return rel == "packaging" || SkipVCS(rel) }

// CopyTree copies the files, links and folders of src to dst, which is made if
// missing. Modes become 0644, or 0755 for folders and executables, so that the
// copy does not depend on anybody's umask; times become when unless it is zero.
//
// Skip, if not nil, is asked with slash-separated paths relative to src; a
// skipped folder is not entered. Nothing in dst is overwritten or written
// through a link: a name that is taken is an error.
func CopyTree(src, dst string, when time.Time, skip func(rel string) bool) error {
	c := copier{dst: dst, when: when}
	err := checkApart(src, dst)
	if err == nil {
		err = walkTree(src, skip, c.copy)
	}
	if err == nil {
		err = c.stampFolders()
	}
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", src, dst, err)
	}
	return nil
}

// checkApart refuses a copy into the tree that is copied, which would never end.
func checkApart(src, dst string) error {
	from, err := filepath.Abs(src)
	if err != nil {
		return err
	}
	to, err := filepath.Abs(dst)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
		return errors.New("the copy would lie in the tree itself; choose a folder outside it")
	}
	return nil
}

// WriteTarball writes the files, links and folders of src as a gzipped tar
// whose names begin with prefix. Equal trees give equal bytes: the order is
// by name, modes are as CopyTree makes them, times are when, and nobody owns
// anything. Skip is as for CopyTree.
func WriteTarball(w io.Writer, src, prefix string, when time.Time, skip func(rel string) bool) error {
	zip := gzip.NewWriter(w)
	t := archiver{tar: tar.NewWriter(zip), prefix: prefix, when: when.Truncate(time.Second)}
	err := walkTree(src, skip, t.add)
	if err == nil {
		err = errors.Join(t.tar.Close(), zip.Close())
	}
	if err != nil {
		return fmt.Errorf("write tarball of %s: %w", src, err)
	}
	return nil
}

// entry is one file, link or folder of a tree.
type entry struct {
	rel  string // slash-separated; "." is the tree itself
	path string
	mode fs.FileMode // type, and 0644 or 0755
	size int64
}

// walkTree visits src and what is below it in the order of names, folders
// before what they hold. What no package can hold (a device, a socket, a fifo) is an error.
func walkTree(src string, skip func(rel string) bool, visit func(entry) error) error {
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel != "." && skip != nil && skip(rel) {
			return skipped(d)
		}
		e, err := newEntry(p, rel, d)
		if err != nil {
			return err
		}
		return visit(e)
	})
}

func skipped(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func newEntry(p, rel string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	if rel == "." && !d.IsDir() {
		return entry{}, fmt.Errorf("%s is no folder", p) // not even a link to one: it may lead anywhere
	}
	e := entry{rel: rel, path: p, mode: info.Mode().Type() | 0o644}
	switch e.mode.Type() {
	case fs.ModeDir, fs.ModeSymlink:
		e.mode |= 0o111
	case 0:
		e.size = info.Size()
		if info.Mode()&0o111 != 0 {
			e.mode |= 0o111
		}
	default:
		return entry{}, fmt.Errorf("%s is neither file, folder nor link (%v); remove it from the tree", p, e.mode.Type())
	}
	return e, nil
}

// copier writes a tree to a folder.
type copier struct {
	dst     string
	when    time.Time
	folders []string // stamped last, since each file in one touches its time
}

func (c *copier) copy(e entry) error {
	to := filepath.Join(c.dst, filepath.FromSlash(e.rel))
	switch e.mode.Type() {
	case fs.ModeDir:
		c.folders = append(c.folders, to)
		return c.makeFolder(to, e)
	case fs.ModeSymlink:
		link, err := os.Readlink(e.path)
		if err != nil {
			return err
		}
		if err := os.Symlink(link, to); err != nil {
			return err
		}
	default:
		if err := copyFile(e.path, to, e.mode); err != nil {
			return err
		}
	}
	return c.stamp(to)
}

func (c *copier) makeFolder(to string, e entry) error {
	if e.rel == "." {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(to)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is in the way: it is no folder", to)
	}
	return os.Chmod(to, 0o755)
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Chmod(mode.Perm()) // whatever the umask took away
}

func (c *copier) stampFolders() error {
	for _, folder := range c.folders {
		if err := c.stamp(folder); err != nil {
			return err
		}
	}
	return nil
}

// stamp sets the times of a file, a folder or a link itself.
func (c *copier) stamp(name string) error {
	if c.when.IsZero() {
		return nil
	}
	at, err := unix.TimeToTimespec(c.when)
	if err != nil {
		return fmt.Errorf("set time of %s: %w", name, err)
	}
	err = unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("set time of %s: %w", name, err)
	}
	return nil
}

// archiver writes a tree to a tar.
type archiver struct {
	tar    *tar.Writer
	prefix string
	when   time.Time
}

func (a *archiver) add(e entry) error {
	h := &tar.Header{Name: path.Join(a.prefix, e.rel), Mode: int64(e.mode.Perm()), ModTime: a.when}
	if h.Name == "." {
		return nil // no prefix: the tree itself has no name
	}
	switch e.mode.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return a.tar.WriteHeader(h)
	case fs.ModeSymlink:
		link, err := os.Readlink(e.path)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, link, 0o777
		return a.tar.WriteHeader(h)
	}
	h.Typeflag, h.Size = tar.TypeReg, e.size
	return a.addFile(h, e.path)
}

func (a *archiver) addFile(h *tar.Header, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	if n, err := io.Copy(a.tar, in); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	} else if n != h.Size {
		return fmt.Errorf("%s changed while it was read: %d of %d bytes", name, n, h.Size)
	}
	return nil
}

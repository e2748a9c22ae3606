package ferry

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Pack writes folders as one tar, each below its name ("." is none), and then the
// line that Unpack wants to see.
func Pack(w io.Writer, folders map[string]string) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	sum := newSum()
	archive := tar.NewWriter(io.MultiWriter(buffered, sum))
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		if err := packFolder(archive, name, folders[name]); err != nil {
			return fmt.Errorf("pack %s: %w", folders[name], err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if _, err := io.WriteString(buffered, sum.trailer()); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return buffered.Flush()
}

func packFolder(archive *tar.Writer, name, folder string) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return packFile(archive, path.Join(name, filepath.ToSlash(relative)), file, info)
	})
}

func packFile(archive *tar.Writer, name, file string, info fs.FileInfo) error {
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Format: tar.FormatPAX}
	switch info.Mode().Type() {
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		header.Typeflag, header.Linkname = tar.TypeSymlink, target
	case 0:
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	default:
		return fmt.Errorf("%s is neither a file, a folder nor a link", file)
	}
	if err := archive.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
		return err
	}
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(archive, content)
	return err
}

// Unpack writes what Pack packed below dir, and nothing outside of it. What is
// there already is replaced. A stream that is cut short or damaged is an error.
func Unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer root.Close()
	buffered := bufio.NewReaderSize(r, 1<<16)
	sum := newSum()
	archive := tar.NewReader(io.TeeReader(buffered, sum))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if err := unpackFile(root, header, archive); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
	trailer, err := buffered.ReadString('\n')
	if err != nil {
		return fmt.Errorf("unpack: read the sum: %w", unexpected(err))
	}
	if want := sum.trailer(); trailer != want {
		return fmt.Errorf("unpack: damaged on the way: got %q; want %q", trailer, want)
	}
	return nil
}

func unpackFile(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(header.Name)
	if !filepath.IsLocal(name) {
		return errors.New("the name leads out of the folder")
	}
	mode := fs.FileMode(header.Mode).Perm() | 0o600 // no more than its owner needs to read and remove it
	if header.Typeflag == tar.TypeDir {
		return makeFolder(root, filepath.Clean(name), mode|0o100)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch header.Typeflag {
	case tar.TypeSymlink:
		target := filepath.FromSlash(header.Linkname)
		if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), target)) {
			return fmt.Errorf("the link to %s leads out of the folder", header.Linkname)
		}
		return root.Symlink(target, name)
	case tar.TypeReg:
		return writeFile(root, name, mode, content)
	}
	return fmt.Errorf("it is of type %q: neither a file, a folder nor a link", header.Typeflag)
}

func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		_ = file.Close()
		return unexpected(err)
	}
	if err := file.Chmod(mode); err != nil { // whatever the umask
		_ = file.Close()
		return err
	}
	return file.Close()
}

// makeFolder leaves a folder that is there as it is: it may be somebody else's.
func makeFolder(root *os.Root, name string, mode fs.FileMode) error {
	if _, err := root.Stat(name); err == nil {
		return nil
	}
	if err := root.MkdirAll(name, mode); err != nil {
		return err
	}
	return root.Chmod(name, mode)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sum is the length and the sha256 of what was written to it.
type sum struct {
	hash.Hash
	length int64
}

func newSum() *sum { return &sum{Hash: sha256.New()} }

func (s *sum) Write(p []byte) (int, error) {
	s.length += int64(len(p))
	return s.Hash.Write(p)
}

func (s *sum) trailer() string { return fmt.Sprintf("slipway-ferry %d %x\n", s.length, s.Sum(nil)) }

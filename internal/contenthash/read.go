package contenthash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Read reads the file at name from the disk. It says false of what is missing, and
// of what no git repository can hold, such as a folder or a socket in the file's
// place. Path is left for the caller to fill in.
func Read(name string) (file File, ok bool, err error) {
	info, err := os.Lstat(name)
	switch {
	case IsMissing(err):
		return File{}, false, nil
	case err != nil:
		return File{}, false, err
	case info.Mode().IsRegular():
		file, err = readRegular(name)
	case info.Mode()&fs.ModeSymlink != 0:
		file, err = readSymlink(name)
	default:
		return File{}, false, nil
	}
	return file, err == nil, err
}

// IsMissing says whether err means that there is no such file, be it that what
// should be its folder is a file now.
func IsMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// readRegular takes the executable bit from the file that it reads, not from the
// name, and git's meaning of it: the owner's.
func readRegular(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	file := File{Kind: Regular, Executable: info.Mode()&0o100 != 0}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return File{}, fmt.Errorf("read %s: %w", name, err)
	}
	sum.Sum(file.Digest[:0])
	return file, nil
}

func readSymlink(name string) (File, error) {
	text, err := os.Readlink(name)
	if err != nil {
		return File{}, err
	}
	return File{Kind: Symlink, Digest: DigestOf([]byte(text))}, nil
}

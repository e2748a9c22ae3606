package contenthash

import (
	"bytes"
	"crypto/sha256"
	"errors"
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
	f, info, err := open(name)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	file := File{Kind: Regular, Executable: executable(info)}
	sum := sha256.New()
	buffer := make([]byte, min(info.Size()+1, 64<<10)) // io.Copy's own would be the most of what reading a small file costs
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{f}, buffer); err != nil {
		return File{}, err
	}
	sum.Sum(file.Digest[:0])
	return file, nil
}

// ReadContent reads a regular file, following symlinks, and returns its bytes too,
// for those who need both.
func ReadContent(name string) (File, []byte, error) {
	f, info, err := open(name)
	if err != nil {
		return File{}, nil, err
	}
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(f); err != nil {
		return File{}, nil, err
	}
	return File{Kind: Regular, Executable: executable(info), Digest: DigestOf(data.Bytes())}, data.Bytes(), nil
}

func open(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func executable(info fs.FileInfo) bool { return info.Mode()&0o100 != 0 }

func readSymlink(name string) (File, error) {
	text, err := os.Readlink(name)
	if err != nil {
		return File{}, err
	}
	return File{Kind: Symlink, Digest: DigestOf([]byte(text))}, nil
}

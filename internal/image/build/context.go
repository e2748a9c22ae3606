package build

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/contenthash"
)

// copyTracked copies files from one folder to another. What it writes is what the
// tag covers: a file that has changed since it was hashed is an error.
func copyTracked(from, to string, files []contenthash.File) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.FromSlash(file.Path)
		target := filepath.Join(to, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		got, err := copyOne(filepath.Join(from, path), target, file)
		if err != nil {
			return fmt.Errorf("copy %s: %w", file.Path, err)
		}
		if got != file.Digest {
			return fmt.Errorf("%s changed while its image was built; build it again", file.Path)
		}
	}
	return nil
}

func copyOne(from, to string, file contenthash.File) (contenthash.Digest, error) {
	switch file.Kind {
	case contenthash.Symlink:
		text, err := os.Readlink(from)
		if err != nil {
			return contenthash.Digest{}, err
		}
		return contenthash.DigestOf([]byte(text)), os.Symlink(text, to)
	case contenthash.Regular:
		return copyRegular(from, to, file.Executable)
	}
	return contenthash.Digest{}, fmt.Errorf("it is a submodule, which a build context cannot hold; copy its files into the tree")
}

func copyRegular(from, to string, executable bool) (digest contenthash.Digest, err error) {
	source, err := os.Open(from)
	if err != nil {
		return digest, err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode(executable))
	if err != nil {
		return digest, err
	}
	defer target.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(target, hash), source); err != nil {
		return digest, err
	}
	copy(digest[:], hash.Sum(nil))
	return digest, target.Close()
}

func mode(executable bool) fs.FileMode {
	if executable {
		return 0o755
	}
	return 0o644
}

// settle gives everything below a folder the modes and times that it has on every
// machine. Folders come after what they hold, since each change of that is one of
// their times.
func settle(folder string) error {
	var paths []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			paths = append(paths, path)
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		paths = append(paths, path)
		return os.Chmod(path, mode(info.IsDir() || info.Mode()&0o111 != 0))
	})
	if err != nil {
		return fmt.Errorf("set the modes of a build context: %w", err)
	}
	epoch := []unix.Timespec{{}, {}}
	for _, path := range slices.Backward(paths) {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, epoch, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("set the times of a build context: %s: %w", path, err)
		}
	}
	return nil
}

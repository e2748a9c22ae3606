package deb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/packagebuild"
)

// Collect copies the .deb files (and Ubuntu's .ddeb) that lie in dir to out.
func (Format) Collect(req packagebuild.Request, _ packagebuild.Plan, dir, out string) ([]string, error) {
	var made []string
	for _, pattern := range []string{"*.deb", "*.ddeb"} {
		names, err := filepath.Glob(filepath.Join(globQuote(dir), pattern))
		if err != nil {
			return nil, fmt.Errorf("collect %s: %w", req.Target.Name, err)
		}
		made = append(made, names...)
	}
	if len(made) == 0 {
		return nil, fmt.Errorf("collect %s: the build succeeded but left no .deb beside the source; see what debian/rules does in its binary target", req.Target.Name)
	}
	var placed []string
	for _, name := range made {
		to := filepath.Join(out, filepath.Base(name))
		if err := place(name, to); err != nil {
			return nil, fmt.Errorf("collect %s: %w", req.Target.Name, err)
		}
		placed = append(placed, to)
	}
	slices.Sort(placed)
	return placed, nil
}

// globQuote makes a folder's name match only itself.
func globQuote(name string) string {
	var quoted []rune
	for _, r := range name {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, r)
	}
	return string(quoted)
}

// place copies a file to a name that nobody has yet: whole, or not at all. The
// build may have left a link or a fifo instead of a file, so it is not trusted.
func place(from, to string) (err error) {
	fd, err := unix.Open(from, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open package %s: %w", from, err)
	}
	in := os.NewFile(uintptr(fd), from)
	defer in.Close()
	if info, err := in.Stat(); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("package %s is no regular file", from)
	}
	aside, err := os.CreateTemp(filepath.Dir(to), ".slipway-*")
	if err != nil {
		return fmt.Errorf("copy package %s: %w", from, err)
	}
	defer os.Remove(aside.Name())
	if err := fill(aside, in); err != nil {
		return fmt.Errorf("copy package %s: %w", from, err)
	}
	if err := os.Link(aside.Name(), to); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: two targets or builds made a package of that name; use an empty output folder", to)
	} else if err != nil {
		return fmt.Errorf("place package: %w", err)
	}
	return nil
}

func fill(out *os.File, in io.Reader) error {
	_, err := io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o644), out.Close())
}

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// makePrivate keeps the mounts made from here on from everybody else.
func makePrivate() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }

// enterRoot makes the overlay this process's root and puts into it what else
// belongs there. What is taken from the host is opened before, and placed after:
// so a symbolic link in a layer cannot lead a mount astray.
func (o *orders) enterRoot() error {
	pieces, err := o.pieces()
	if err != nil {
		return err
	}
	root := filepath.Join(o.Scratch, "root")
	if err := o.mountOverlay(root); err != nil {
		return err
	}
	if err := pivot(root); err != nil {
		return fmt.Errorf("change root to the overlay: %w", err)
	}
	for _, p := range pieces {
		if err := p.place(p.target); err != nil {
			return fmt.Errorf("mount %s: %w", p.target, err)
		}
	}
	return nil
}

// mountOverlay mounts the layers and the folder for changes at root.
func (o *orders) mountOverlay(root string) error {
	upper, err := o.upper()
	if err != nil {
		return err
	}
	work := filepath.Join(o.Scratch, "work")
	for _, dir := range []string{root, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("prepare the overlay: %w", err)
		}
	}
	flags := uintptr(unix.MS_NODEV)
	if o.Profile == Build {
		flags |= unix.MS_NOSUID
	}
	options := overlayOptions(o.Lower, upper, work)
	// volatile: fsync is nothing here, as a crash makes the changes worthless anyway.
	err = unix.Mount("overlay", root, "overlay", flags, options+",volatile")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("overlay", root, "overlay", flags, options)
	}
	if err != nil {
		return fmt.Errorf("mount overlay of %s at %s: %w", strings.Join(o.Lower, ", "), root, err)
	}
	return nil
}

// upper returns the folder for changes. One that is thrown away can be in memory,
// where Scratch lies on a file system, such as a container's, that cannot hold one.
func (o *orders) upper() (string, error) {
	if o.Upper != "" {
		if onOverlay(o.Upper) {
			return "", fmt.Errorf("keep changes in %s: it is on an overlay itself; put the cache on a real file system, such as a volume", o.Upper)
		}
		return o.Upper, nil
	}
	if onOverlay(o.Scratch) {
		if err := unix.Mount("tmpfs", o.Scratch, "tmpfs", 0, "mode=755"); err != nil {
			return "", fmt.Errorf("mount memory at %s: %w", o.Scratch, err)
		}
	}
	upper := filepath.Join(o.Scratch, "upper")
	if err := os.Mkdir(upper, 0o755); err != nil {
		return "", fmt.Errorf("prepare the overlay: %w", err)
	}
	return upper, nil
}

func onOverlay(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC
}

// overlayOptions writes the mount's options; lower is topmost first, as there.
func overlayOptions(lower []string, upper, work string) string {
	layers := make([]string, len(lower))
	for i, dir := range lower {
		layers[i] = escape(dir, `\:,`)
	}
	return "lowerdir=" + strings.Join(layers, ":") +
		",upperdir=" + escape(upper, `\,`) + ",workdir=" + escape(work, `\,`)
}

func escape(path, special string) string {
	var b strings.Builder
	for _, r := range path {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// pivot makes dir the root of this mount namespace and lets go of the old one.
func pivot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // stacks the old root on the new one
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Chdir("/")
}

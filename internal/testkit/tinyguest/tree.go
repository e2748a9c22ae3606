package tinyguest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Tree is a new folder with the guest as a file system: what an image of an operating
// system holds. Its kernel and initramfs are where bootc has them, in
// usr/lib/modules/VERSION; the initramfs is the whole guest, so a disk with this root
// answers whatever firmware boots it, and its arguments choose the mode. An initramfs of
// another kind leads to sbin/init, which is the guest again.
func Tree(t testing.TB) string {
	t.Helper()
	g := made(t)
	root := t.TempDir()
	if err := g.plant(t.Context(), root); err != nil {
		t.Fatalf("make a tree of the tiny guest: %v", err)
	}
	return root
}

// plant writes the guest's files into a folder. Devices are left to the kernel.
func (g guest) plant(ctx context.Context, root string) error {
	files, err := contents(ctx, g.packages)
	if err != nil {
		return err
	}
	files = append(files, file{"sbin/init", typeLink | 0o777, []byte("../init")})
	boot := filepath.Join("usr", "lib", "modules", g.version)
	for from, to := range map[string]string{g.kernel: "vmlinuz", g.initrd: "initramfs.img"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		files = append(files, file{filepath.Join(boot, to), typeFile | 0o644, data})
	}
	for _, f := range files {
		if err := f.plant(root); err != nil {
			return err
		}
	}
	return nil
}

func (f file) plant(root string) error {
	path := filepath.Join(root, f.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch f.mode &^ 0o777 {
	case typeFolder:
		return os.MkdirAll(path, 0o755)
	case typeLink:
		if err := os.Symlink(string(f.data), path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case typeFile:
		return os.WriteFile(path, f.data, fs.FileMode(f.mode&0o777))
	}
	return nil
}

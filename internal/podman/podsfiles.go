package podman

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Reclaim makes what containers left below folder the caller's. A container's user
// is another than the caller's, and only root or podman's user namespace may change
// whom its files belong to.
func (p *Podman) Reclaim(ctx context.Context, folder string) error {
	err := chown(folder, os.Geteuid(), os.Getegid())
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		_, err = p.Output(ctx, "unshare", "chown", "--recursive", "--no-dereference", "0:0", folder)
	}
	if err != nil {
		return fmt.Errorf("take over the files in %s: %w", folder, err)
	}
	return nil
}

// chown changes what belongs to others; most often that is nothing.
func chown(folder string, uid, gid int) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == uid {
			return nil
		}
		return os.Lchown(path, uid, gid)
	})
}

// RemoveAll removes a folder with what containers left in it.
func (p *Podman) RemoveAll(ctx context.Context, folder string) error {
	err := os.RemoveAll(folder)
	if err != nil && os.Geteuid() != 0 {
		_, err = p.Output(ctx, "unshare", "rm", "--recursive", "--force", folder)
	}
	return err
}

package cluster

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// removeControlGroups removes those of pods, which are empty by now, the innermost
// first, in every hierarchy.
func removeControlGroups() error {
	tops, err := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	if err != nil {
		return err
	}
	for _, top := range append(tops, "/sys/fs/cgroup/kubepods") {
		var folders []string
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil // of what is gone there is nothing to remove
		})
		if err != nil {
			return err
		}
		for _, folder := range slices.Backward(folders) {
			if err := removeBusy(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeBusy removes a control group whose last process may not be reaped yet.
func removeBusy(folder string) error {
	var err error
	for range 100 {
		err = unix.Rmdir(folder)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "remove control group", Path: folder, Err: err}
	}
	return nil
}

// removeNetwork removes the bridge; pods that ended took their own ends with them.
func (c *Cluster) removeNetwork() error {
	if _, err := os.Stat("/sys/class/net/" + bridge); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopDeadline)
	defer cancel()
	_, err := exec.Output(ctx, exec.Cmd{Args: []string{"ip", "link", "delete", bridge}})
	return err
}

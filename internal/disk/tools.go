package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"slipway.dev/slipway/internal/disk/rootfs"
	"slipway.dev/slipway/internal/exec"
)

// tools are the programs that make a disk, the Debian packages that have them, and the
// arguments at which they tell their version: mkfs.vfat does so where it fails.
var tools = []struct{ program, pkg, version string }{
	{"mke2fs", "e2fsprogs", "-V"},
	{"mkfs.vfat", "dosfstools", "/dev/null/none"},
	{"mcopy", "mtools", "--version"},
	{"sfdisk", "fdisk", "--version"},
	{"qemu-img", "qemu-utils", "--version"},
	{"grub-mkimage", "grub-common", "--version"},
}

// grubFolder is where GRUB's parts are, of grub-pc-bin and grub-efi-amd64-bin.
const grubFolder = "/usr/lib/grub"

// find finds a program, also where only root's PATH looks.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, folder := range []string{"/usr/sbin", "/sbin"} {
		if info, statErr := os.Stat(filepath.Join(folder, program)); statErr == nil && info.Mode().IsRegular() {
			return filepath.Join(folder, program), nil
		}
	}
	return "", err
}

// checkTools sees that all is installed, before anything is read.
func checkTools() error {
	for _, t := range tools {
		if _, err := find(t.program); err != nil {
			return fmt.Errorf("%s, which makes disks, is not installed; run: apt-get install --no-install-recommends %s", t.program, t.pkg)
		}
	}
	for folder, pkg := range map[string]string{"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"} {
		if _, err := os.Stat(filepath.Join(grubFolder, folder, "moddep.lst")); err != nil {
			return fmt.Errorf("GRUB's parts for %s are not installed; run: apt-get install --no-install-recommends %s", folder, pkg)
		}
	}
	return nil
}

var versionForm = regexp.MustCompile(`(?:\(GRUB\) |mke2fs |mkfs.fat |mtools\) |util-linux |qemu-img version )([^\s,]+)`)

// versions asks the tools which they are.
func versions(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, t := range tools {
		path, err := find(t.program)
		if err != nil {
			return nil, err
		}
		var said bytes.Buffer
		err = exec.Run(ctx, exec.Cmd{Args: []string{t.program, t.version}, Path: path, Stdout: &said, Stderr: &said})
		if err != nil && exec.ExitCode(err) < 0 {
			return nil, err
		}
		m := versionForm.FindSubmatch(said.Bytes())
		if m == nil {
			return nil, fmt.Errorf("ask %s for its version: %w", t.program, errors.New("its answer is not understood"))
		}
		all[t.program] = string(m[1])
	}
	return all, nil
}

// run runs a step.
func (s step) run(ctx context.Context) error {
	path, err := find(s.args[0])
	if err != nil {
		return err
	}
	return exec.Run(ctx, exec.Cmd{
		Args: s.args, Path: path, Dir: s.folder, Env: append(os.Environ(), s.env...),
		Stdin: strings.NewReader(s.stdin), Stdout: s.stdout, Stderr: s.stderr,
	})
}

// runE2fs runs a program of e2fsprogs, and returns what it says. debugfs tells of its
// errors and ends well.
func (s step) runE2fs(ctx context.Context) (string, error) {
	var said, complaints bytes.Buffer
	s.stdout, s.stderr = &said, &complaints
	err := s.run(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, complaints.String()+tail(said.String()))
	}
	if s.args[0] == "debugfs" {
		err = rootfs.Said(complaints.String())
	}
	return said.String(), err
}

// tail is the end of what a program said.
func tail(said string) string { return said[max(0, len(said)-2000):] }

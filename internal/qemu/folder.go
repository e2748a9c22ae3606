package qemu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/exec"
)

// The beginning of a qcow2 file, all big-endian.
const (
	qcow2Magic    = "QFI\xfb"
	qcow2Header   = 80
	backingOffset = 8  // 8 bytes: where the name of the file below it is, if there is one
	features      = 72 // 8 bytes, from version 3 on
	version       = 4
	externalData  = 1 << 2
)

// complete finds what the disk's file is. A file that names other files is refused:
// QEMU would open any that this user may read, and show it to the guest.
func (d Disk) complete() (Disk, error) {
	file, err := filepath.Abs(d.File)
	if err != nil {
		return d, fmt.Errorf("find disk %s: %w", d.File, err)
	}
	d.File = file
	f, err := os.Open(file)
	if err != nil {
		return d, fmt.Errorf("open disk: %w", err)
	}
	defer f.Close()
	header := make([]byte, qcow2Header)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("read disk: %w", err)
	}
	isQcow2 := bytes.HasPrefix(header, []byte(qcow2Magic))
	switch {
	case n == 0:
		return d, fmt.Errorf("disk %s is empty", file)
	case d.Format == "qcow2" && !isQcow2:
		return d, fmt.Errorf("disk %s is no qcow2 file; say that it is raw, or convert it: qemu-img convert", file)
	case d.Format == "raw" || !isQcow2:
		d.Format = "raw"
		return d, nil
	}
	d.Format = "qcow2"
	outside := binary.BigEndian.Uint64(header[backingOffset:]) != 0
	if binary.BigEndian.Uint32(header[version:]) > 2 && binary.BigEndian.Uint64(header[features:])&externalData != 0 {
		outside = true
	}
	if outside {
		return d, fmt.Errorf("disk %s has part of its content in another file; make it whole: qemu-img convert -O qcow2 %s whole.qcow2", file, file)
	}
	return d, nil
}

// overlay makes a file in folder that takes what a guest writes to a disk.
func overlay(ctx context.Context, folder, name, below, format string) (string, error) {
	file := filepath.Join(folder, name)
	err := exec.Run(ctx, exec.Cmd{Args: []string{"qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", format, file}})
	if exec.IsNotFound(err) {
		return "", errors.New("make an overlay of a disk: qemu-img is not installed; run: apt-get install --no-install-recommends qemu-utils")
	}
	if err != nil {
		return "", fmt.Errorf("make an overlay of disk %s: %w", below, err)
	}
	return file, nil
}

// seed makes a disk that tells cloud-init which key may log in.
func seed(ctx context.Context, folder, key string) (string, error) {
	file := filepath.Join(folder, "seed.img")
	texts := map[string]string{
		"user-data": "#cloud-config\ndisable_root: false\nssh_authorized_keys:\n- " + key + "\nusers:\n- default\n- name: root\n  ssh_authorized_keys:\n  - " + key + "\n",
		"meta-data": "instance-id: slipway\n",
	}
	commands := [][]string{{"mformat", "-C", "-f", "1440", "-v", "CIDATA", "-i", file, "::"}}
	for name, text := range texts {
		from := filepath.Join(folder, name)
		if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("make the NoCloud disk: %w", err)
		}
		commands = append(commands, []string{"mcopy", "-i", file, from, "::" + name})
	}
	for _, args := range commands {
		if err := exec.Run(ctx, exec.Cmd{Args: args}); err != nil {
			return "", fmt.Errorf("make the NoCloud disk: %w; mformat and mcopy are in Debian's package mtools", err)
		}
	}
	return file, nil
}

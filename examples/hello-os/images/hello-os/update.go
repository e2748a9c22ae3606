package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Partitions of a disk, as slipway disk build --slots 2 makes it.
const espPartition = 2

var rootPartitions = map[string]int{"a": 3, "b": 4}

// here is the disk that this system runs from, as /dev/vda, and the slot of its root.
func here() (disk, slot string, err error) {
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", "", err
	}
	m := partUUID.FindStringSubmatch(string(cmdline))
	if m == nil {
		return "", "", errors.New("the kernel's command line names no root=PARTUUID=")
	}
	device, err := filepath.EvalSymlinks("/dev/disk/by-partuuid/" + m[1])
	if err != nil {
		return "", "", err
	}
	for slot, number := range rootPartitions {
		if disk, ok := strings.CutSuffix(device, fmt.Sprint(number)); ok {
			return disk, slot, nil
		}
	}
	return "", "", fmt.Errorf("%s is no root of a disk with two", device)
}

func other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

func partition(disk string, number int) string { return fmt.Sprintf("%s%d", disk, number) }

var partUUID = regexp.MustCompile(`root=PARTUUID=([0-9a-fA-F-]+)`)

// update brings the system of another disk into the other slot. What decides about the
// next boot is written last, so that an update that dies changes nothing.
func update(from string) error {
	disk, slot, err := here()
	if err != nil {
		return err
	}
	from, err = filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	to := other(slot)
	target := partition(disk, rootPartitions[to])
	if err := copyDevice(partition(from, rootPartitions["a"]), target); err != nil {
		return err
	}
	return mounted(partition(from, espPartition), syscall.MS_RDONLY, func(source string) error {
		return mounted(partition(disk, espPartition), 0, func(esp string) error {
			if err := copyKernel(filepath.Join(source, "slipway", "a"), filepath.Join(esp, "slipway", to), target); err != nil {
				return err
			}
			return choose(esp, to)
		})
	})
}

// rollback lets the next boot take the other slot, if there is a system in it.
func rollback() error {
	disk, slot, err := here()
	if err != nil {
		return err
	}
	return mounted(partition(disk, espPartition), 0, func(esp string) error {
		if _, err := os.Stat(filepath.Join(esp, "slipway", other(slot), "boot.cfg")); err != nil {
			return fmt.Errorf("there is nothing to go back to: %w", err)
		}
		return choose(esp, other(slot))
	})
}

// choose lets every boot from now on take a slot.
func choose(esp, slot string) error {
	file := filepath.Join(esp, "slipway", "default.cfg")
	if err := os.WriteFile(file+".new", []byte("set default="+slot+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// copyKernel copies what GRUB loads, and names the root that it is for.
func copyKernel(from, to, root string) error {
	uuid, err := uuidOf(root)
	if err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err != nil {
			return err
		}
		if file.Name() == "boot.cfg" {
			data = partUUID.ReplaceAll(data, []byte("root=PARTUUID="+uuid))
		}
		if err := os.WriteFile(filepath.Join(to, file.Name()), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// uuidOf is a partition's own UUID.
func uuidOf(device string) (string, error) {
	const folder = "/dev/disk/by-partuuid"
	links, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	for _, link := range links {
		if at, err := filepath.EvalSymlinks(filepath.Join(folder, link.Name())); err == nil && at == device {
			return link.Name(), nil
		}
	}
	return "", fmt.Errorf("%s has no UUID", device)
}

func copyDevice(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{target}, source, make([]byte, 4<<20))
	return errors.Join(err, target.Sync(), target.Close())
}

// onlyWriter keeps io.Copy at the buffer that it is given.
type onlyWriter struct{ io.Writer }

// mounted calls do with a folder that an ESP is mounted at.
func mounted(device string, flags uintptr, do func(folder string) error) (err error) {
	folder, err := os.MkdirTemp("/run", "hello-os-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(folder)) }()
	if err := syscall.Mount(device, folder, "vfat", flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	defer func() {
		syscall.Sync()
		err = errors.Join(err, syscall.Unmount(folder, 0))
	}()
	return do(folder)
}

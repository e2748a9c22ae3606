package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// piece is something to mount in the new root. place runs inside it.
type piece struct {
	target string
	place  func(target string) error
}

// The parts of /proc through which a root without capabilities still reaches the
// whole machine: core_pattern is a program that the kernel runs on the host.
var (
	procReadOnly = []string{"bus", "fs", "irq", "sys", "sysrq-trigger"}
	procMasked   = []string{"acpi", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list"}
)

var deviceNames = []string{"full", "null", "random", "tty", "urandom", "zero"}

// pieces lists what to mount, in order, with the host's part of it open: first what
// every root has, then, from the top down, what was asked for.
func (o *orders) pieces() ([]piece, error) {
	list := []piece{
		{"/proc", mounter("proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")},
		{"/run", mounter("tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755")},
		{"/run/lock", makeSticky},
		{"/dev", mountDev},
		{"/dev/pts", mounter("devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")},
		{"/dev/shm", mounter("tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")},
	}
	for _, name := range deviceNames {
		// Read-only: a device can still be written to, but not be made another's.
		device, err := open(Bind{Source: "/dev/" + name, Target: "/dev/" + name, ReadOnly: true}, unix.MOUNT_ATTR_NOSUID)
		if err != nil {
			return nil, err
		}
		list = append(list, device)
	}
	for _, name := range procReadOnly {
		list = append(list, piece{"/proc/" + name, protect})
	}
	for _, name := range procMasked {
		list = append(list, piece{"/proc/" + name, mask})
	}
	asked, err := o.asked()
	return append(list, asked...), err
}

// asked lists the configuration's masks and binds.
func (o *orders) asked() ([]piece, error) {
	var list []piece
	for _, path := range o.Masks {
		list = append(list, piece{filepath.Clean(path), mask})
	}
	for _, b := range append(o.networkFiles(), o.Binds...) {
		p, err := open(b, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b piece) int { return strings.Compare(a.target, b.target) })
	return list, nil
}

// networkFiles are the host's files that say how to find names.
func (o *orders) networkFiles() []Bind {
	if !o.Network {
		return nil
	}
	var list []Bind
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		if _, err := os.Stat(path); err == nil {
			list = append(list, Bind{Source: path, Target: path, ReadOnly: true})
		}
	}
	return list
}

// open takes hold of b's source, as a mount with the attributes (MOUNT_ATTR_*).
func open(b Bind, attributes uint64) (piece, error) {
	info, err := os.Stat(b.Source)
	if err != nil {
		return piece{}, fmt.Errorf("show %s as %s: %w", b.Source, b.Target, err)
	}
	if b.ReadOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, b.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		attr := unix.MountAttr{Attr_set: attributes, Propagation: unix.MS_PRIVATE}
		err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr)
	}
	if err != nil {
		return piece{}, fmt.Errorf("clone the mount of %s: %w", b.Source, err)
	}
	return piece{filepath.Clean(b.Target), func(target string) error {
		defer unix.Close(fd)
		target, err := ensure(target, info.IsDir())
		if err != nil {
			return err
		}
		return unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}}, nil
}

// ensure makes sure that there is something to mount on, and returns where that
// is once symbolic links are followed, be they dangling.
func ensure(path string, dir bool) (string, error) {
	for range 40 { // as many links as the kernel follows
		link, err := os.Readlink(path)
		if err != nil {
			return path, makePoint(path, dir)
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", fmt.Errorf("follow %s: %w", path, unix.ELOOP)
}

func makePoint(path string, dir bool) error {
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// mounter mounts a new file system of the type.
func mounter(fstype string, flags uintptr, data string) func(string) error {
	return func(target string) error {
		target, err := ensure(target, true)
		if err != nil {
			return err
		}
		return unix.Mount(fstype, target, fstype, flags, data)
	}
}

func mountDev(target string) error {
	if err := mounter("tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755")(target); err != nil {
		return err
	}
	for name, link := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(link, filepath.Join(target, name)); err != nil {
			return err
		}
	}
	return nil
}

func makeSticky(target string) error {
	if err := os.Mkdir(target, 0o755); err != nil {
		return err
	}
	return os.Chmod(target, 0o777|os.ModeSticky) // Mkdir's mode is subject to the umask
}

// protect makes a part of what is mounted already read-only.
func protect(target string) error {
	err := unix.Mount(target, target, "", unix.MS_BIND, "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|
		unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// mask hides a folder behind an empty one, and a file behind /dev/null.
func mask(target string) error {
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755")
	}
	return unix.Mount("/dev/null", target, "", unix.MS_BIND, "")
}

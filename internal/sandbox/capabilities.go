package sandbox

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Capabilities that a program keeps. Both profiles lack those that reach outside:
// mounting, devices, the clock, other processes' memory, the network's settings.
var (
	buildCapabilities = []int{
		unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID,
		unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
	}
	installCapabilities = append(slices.Clone(buildCapabilities),
		unix.CAP_SETFCAP, unix.CAP_SETPCAP, unix.CAP_SYS_CHROOT)
)

// confine takes from this thread, and so from the program that it will start, all
// capabilities but the profile's.
func (p Profile) confine() error {
	keep := buildCapabilities
	if p == Install {
		keep = installCapabilities
	}
	if err := dropBounding(keep); err != nil {
		return err
	}
	if err := setCapabilities(keep); err != nil {
		return err
	}
	if p == Install {
		return nil
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// dropBounding shrinks the set from which root regains capabilities on exec.
func dropBounding(keep []int) error {
	for c := 0; ; c++ {
		if slices.Contains(keep, c) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) { // past the kernel's last one
			return nil
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
}

// setCapabilities makes keep the thread's capabilities, and leaves none to inherit.
func setCapabilities(keep []int) error {
	var data [2]unix.CapUserData
	for _, c := range keep {
		data[c/32].Permitted |= 1 << (c % 32)
	}
	for i := range data {
		data[i].Effective = data[i].Permitted
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capset(&header, &data[0])
}

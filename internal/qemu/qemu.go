// Package qemu runs virtual machines as guests under test.
//
// A machine is planned as data: Config says what it is, and Config.Args, a pure
// function, what QEMU is told. Nothing of a machine outlives this process: QEMU dies
// with it, what it listens at is QEMU's own, and its files lie in one folder that goes
// even if this process is killed. The disks of a guest are only ever read.
package qemu

import (
	"time"

	"slipway.dev/slipway/internal/guest"
)

// Config is a virtual machine. It is a guest.Starter: each start is a machine of its own.
type Config struct {
	Program  string // QEMU; empty is qemu-system-x86_64
	Machine  string // Q35, which is the default, or MicroVM
	Firmware string // BIOS, which is the default, or UEFI; a MicroVM has its own
	Accel    string // KVM or TCG; empty is what a trial boot says
	Memory   int64  // bytes; 0 is 1 GiB
	CPUs     int    // 0 is 2

	Kernel string // to boot it without a loader; a MicroVM needs one
	Initrd string
	Append string // the kernel's arguments
	Disks  []Disk // the first is what the firmware boots, if there is no kernel

	Credentials map[string]string // of systemd, for the guest; a key for SSH as root is added
	Seed        bool              // also tell the guest the key by a NoCloud disk, for images with cloud-init
	Talk        string            // Agent or SSH: how the guest answers; empty is by whichever is there first
	User        string            // of SSH; empty is root
	SSHPort     int               // of this machine, on loopback, for the guest's port 22; 0 is a free one
	Online      bool              // the guest reaches the network; it is cut off otherwise

	Boot   time.Duration        // how long the guest may take to answer; 0 is 5 minutes
	Resets int                  // how often it may reboot before it answers
	Work   string               // folder for what the machine needs while it runs; empty is the system's temporary one
	Say    func(message string) // progress; nil is none
}

// Disk is a disk of a guest. What the guest writes to it goes elsewhere, and is
// forgotten with the machine.
type Disk struct {
	File     string
	Format   string // qcow2 or raw; empty is what the file says that it is
	Serial   string // by which the guest finds it, in /dev/disk/by-id/virtio-SERIAL
	ReadOnly bool   // for the guest
}

// The words of Config.
const (
	Q35     = "q35"
	MicroVM = "microvm"

	BIOS = "bios"
	UEFI = "uefi"

	KVM = "kvm"
	TCG = "tcg"

	Agent = "agent"
	SSH   = "ssh"
)

const (
	mebibyte      = 1 << 20
	defaultMemory = 1 << 30
	defaultCPUs   = 2
	defaultBoot   = 5 * time.Minute
	// overhead is what QEMU takes beside the guest's memory: translated code above all.
	overhead = 192 * mebibyte
)

var (
	_ guest.Starter     = Config{}
	_ guest.Machine     = (*Machine)(nil)
	_ guest.Snapshotter = (*Machine)(nil)
	_ guest.Snapshot    = (*Snapshot)(nil)
)

package vmcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/qemu"
)

// machineFlags say what boots, and in what machine.
type machineFlags struct {
	image, kernel, initrd, append string
	bundle                        bool
	firmware                      []string
	accel, memory, user, talk     string
	cpus, sshPort                 int
	seed, online                  bool
	boot, wait                    time.Duration
}

func (f *machineFlags) add(to *pflag.FlagSet) {
	to.StringVar(&f.image, "image", "", "the disk, which is never written: a qcow2 or raw file, or the image that it was made of, as "+publish.Forms)
	to.DurationVar(&f.wait, "wait", 0, "wait this long for the image and its disk to be in the registry")
	to.BoolVar(&f.bundle, "bundle", false, "the image is a bundle: a tar of kernel, initrd and root (the usual for *.tar)")
	to.StringVar(&f.kernel, "kernel", "", "boot this kernel, without firmware")
	to.StringVar(&f.initrd, "initrd", "", "initrd for --kernel")
	to.StringVar(&f.append, "append", "", "arguments for --kernel")
	to.StringSliceVar(&f.firmware, "firmware", nil, "uefi, bios or both: a boot for each (default: the plan's, else uefi)")
	to.StringVar(&f.accel, "accel", "", "kvm or tcg (default: kvm if a trial boot works)")
	to.StringVar(&f.memory, "memory", "", "the guest's memory, as in 512Mi (default: the plan's, else 1Gi)")
	to.IntVar(&f.cpus, "cpus", 0, "the guest's processors (default: the plan's, else 2)")
	to.DurationVar(&f.boot, "boot-timeout", 0, "how long the guest may take to answer (default: the plan's, else 5m)")
	to.StringVar(&f.talk, "talk", "", "how the guest answers: agent or ssh (default: whichever is there first)")
	to.StringVar(&f.user, "user", "", "whom SSH logs in as (default: root)")
	to.BoolVar(&f.seed, "seed", false, "tell the guest the key by a NoCloud disk too, for images with cloud-init")
	to.IntVar(&f.sshPort, "ssh-port", 0, "port on loopback for the guest's SSH (default: a free one)")
	to.BoolVar(&f.online, "online", false, "let the guest reach the network")
}

// check refuses misuse before anything is read.
func (f *machineFlags) check() error {
	for _, firmware := range f.firmware {
		if firmware != qemu.UEFI && firmware != qemu.BIOS {
			return cli.Misuse("--firmware %s is none; write uefi, bios or uefi,bios", firmware)
		}
	}
	if err := f.checkWait(); err != nil {
		return err
	}
	if strings.HasSuffix(f.image, ".tar") && !publish.IsReference(f.image) {
		f.bundle = true
	}
	direct := f.kernel != "" || f.bundle
	switch {
	case f.image == "" && f.kernel == "":
		return cli.Misuse("--image is missing; name a disk, as in --image hello-os.qcow2 (`slipway disk build` makes one)")
	case f.kernel == "" && (f.initrd != "" || f.append != ""):
		return cli.Misuse("--initrd and --append are for --kernel; add it, or leave them out")
	case direct && len(f.firmware) > 0:
		return cli.Misuse("--firmware is for disks with a boot loader; leave it out where a kernel is booted without one")
	case f.bundle && (f.kernel != "" || f.image == ""):
		return cli.Misuse("--bundle is about --image, and has a kernel of its own; leave --kernel out")
	case f.accel != "" && f.accel != qemu.KVM && f.accel != qemu.TCG:
		return cli.Misuse("--accel %s is none; write kvm or tcg", f.accel)
	case f.talk != "" && f.talk != qemu.Agent && f.talk != qemu.SSH:
		return cli.Misuse("--talk %s is no way; write agent or ssh", f.talk)
	case f.cpus < 0 || f.boot < 0 || f.sshPort < 0 || f.sshPort > 65535:
		return cli.Misuse("--cpus, --boot-timeout and --ssh-port cannot be what they are set to")
	}
	_, err := f.bytes(0)
	return err
}

// bytes is the guest's memory: the flag's, else what is given.
func (f *machineFlags) bytes(otherwise plan.Size) (plan.Size, error) {
	if f.memory == "" {
		return otherwise, nil
	}
	size, err := plan.ParseSize(f.memory)
	if err != nil {
		return 0, cli.Misuse("--memory: %v", err)
	}
	return size, nil
}

// apply puts the flags over what a plan says of the machine.
func (f *machineFlags) apply(m *plan.Machine) error {
	var err error
	if m.Memory, err = f.bytes(m.Memory); err != nil {
		return err
	}
	if f.cpus > 0 {
		m.CPUs = f.cpus
	}
	if f.boot > 0 {
		m.Boot = f.boot
	}
	if f.firmware != nil {
		m.Firmware = f.firmware
	}
	if f.kernel != "" || f.bundle {
		m.Firmware = []string{plan.Direct}
	}
	m.Firmware = slices.Compact(slices.Clone(m.Firmware))
	return nil
}

// config is the machine that boots the image under a firmware.
func (f *machineFlags) config(m plan.Machine, firmware string, of *source, say func(string)) qemu.Config {
	c := qemu.Config{
		Accel: f.accel, Memory: int64(m.Memory), CPUs: m.CPUs, Boot: m.Boot,
		Kernel: of.kernel, Initrd: of.initrd, Append: of.append, Disks: slices.Clone(of.disks),
		Talk: f.talk, User: f.user, Seed: f.seed, SSHPort: f.sshPort, Online: f.online, Say: say,
	}
	if firmware != plan.Direct {
		c.Firmware = firmware
	}
	return c
}

// byHand is how a person starts the same machine.
func byHand(c qemu.Config) string {
	return report.Shell(c.Args(qemu.Runtime{Accel: c.Accel}))
}

// login says how a person gets into a machine.
func login(ctx context.Context, m guest.Machine) string {
	into, ok := m.(interface {
		Login(ctx context.Context) ([]string, error)
	})
	if !ok {
		return "start it by hand: " + report.Shell(m.Command())
	}
	args, err := into.Login(ctx)
	if err != nil {
		return fmt.Sprintf("it has no SSH server to log in by (%v); start it by hand: %s", err, report.Shell(m.Command()))
	}
	return "log in: " + report.Shell(args)
}

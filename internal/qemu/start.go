package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
)

const (
	defaultResets = 2
	sayEvery      = 10 * time.Second
)

// Start boots the machine and returns it when the guest answers. ctx bounds the start
// alone: a machine runs until it is closed.
func (c Config) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	m, err := c.start(ctx, console)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (c Config) start(ctx context.Context, console io.Writer) (*Machine, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	accel, err := c.accelerator(ctx)
	if err != nil {
		return nil, err
	}
	m, err := c.prepare(ctx, accel)
	if err != nil {
		return nil, err
	}
	if err := m.first(ctx, console); err != nil {
		_ = m.Close() // has no errors
		return nil, err
	}
	return m, nil
}

// first starts QEMU and waits for the guest's first answer.
func (m *Machine) first(ctx context.Context, console io.Writer) error {
	stop := progress.Watch(sayEvery, "boot the guest", m.config.Say)
	defer stop()
	runtime := Runtime{Accel: m.accel.Name, Key: m.identity.authorized()}
	for i, disk := range m.config.Disks {
		file, err := overlay(ctx, m.folder, fmt.Sprintf("disk%d.qcow2", i), disk.File, disk.Format)
		if err != nil {
			return err
		}
		runtime.Overlays = append(runtime.Overlays, file)
	}
	m.overlays = runtime.Overlays
	if m.config.Seed {
		file, err := seed(ctx, m.folder, runtime.Key)
		if err != nil {
			return err
		}
		runtime.SeedFile, m.seedFile = file, file
	}
	if err := m.launch(ctx, runtime, console); err != nil {
		return err
	}
	return m.awaitAnswer(ctx)
}

// prepare makes what a machine needs before QEMU runs.
func (c Config) prepare(ctx context.Context, accel Accelerator) (*Machine, error) {
	identity, err := newIdentity(c.User)
	if err != nil {
		return nil, err
	}
	memory, err := memoryFile(c.Memory)
	if err != nil {
		return nil, err
	}
	m, err := newMachine(ctx, c, accel, identity, memory)
	if err != nil {
		_ = memory.Close()
	}
	return m, err
}

// newMachine is a machine whose QEMU is not started, in a folder of its own.
func newMachine(ctx context.Context, c Config, accel Accelerator, identity *identity, memory *os.File) (*Machine, error) {
	folder, remove, err := scratch.Place{Parent: c.Work, Prefix: "slipway-qemu-"}.MakeGuarded(ctx)
	if err != nil {
		return nil, err
	}
	life, die := context.WithCancelCause(context.Background())
	running, kill := context.WithCancel(context.Background())
	return &Machine{
		config: c, accel: accel, identity: identity, life: life, die: die, running: running, kill: kill, moved: make(chan error, 1),
		boots: boots{next: make(chan struct{})}, memory: memory, folder: folder, remove: remove,
	}, nil
}

// memoryFile is memory that several processes can share, and that goes with the last of them.
func memoryFile(size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("slipway-guest", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the guest's memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "guest-memory")
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("make the guest's memory: %w", err)
	}
	return f, nil
}

// complete is the configuration with its defaults, after all that can be refused before
// anything is started was looked at.
func (c Config) complete() (Config, error) {
	disks := slices.Clone(c.Disks)
	for i, disk := range disks {
		var err error
		if disks[i], err = disk.complete(); err != nil {
			return c, err
		}
	}
	c.Disks = disks
	c = c.withDefaults()
	switch {
	case c.Resets == 0:
		c.Resets = defaultResets
	case c.Resets < 0:
		c.Resets = 0
	}
	if c.Work == "" {
		c.Work = os.TempDir()
	}
	return c, errors.Join(c.absolute(), c.checkWords(), c.checkFiles(), checkPort(c.SSHPort), CheckMemory(c.Memory+overhead))
}

func (c *Config) absolute() error {
	for _, file := range []*string{&c.Kernel, &c.Initrd, &c.Work} {
		if *file == "" {
			continue
		}
		full, err := filepath.Abs(*file)
		if err != nil {
			return fmt.Errorf("find %s: %w", *file, err)
		}
		*file = full
	}
	return nil
}

func (c Config) checkWords() error {
	words := []struct {
		what, word string
		known      []string
	}{
		{"machine", c.Machine, []string{Q35, MicroVM}},
		{"firmware", c.Firmware, []string{BIOS, UEFI, ""}},
		{"accelerator", c.Accel, []string{KVM, TCG, ""}},
		{"way to talk", c.Talk, []string{Agent, SSH, ""}},
	}
	for _, w := range words {
		if !slices.Contains(w.known, w.word) {
			return fmt.Errorf("%q is no %s; want one of %q", w.word, w.what, w.known)
		}
	}
	switch {
	case c.Machine == MicroVM && c.Kernel == "":
		return errors.New("a microvm boots a kernel, and none is given")
	case c.Machine == MicroVM && c.Firmware != "":
		return fmt.Errorf("a microvm has firmware of its own, and cannot boot by %s", c.Firmware)
	case c.Kernel == "" && len(c.Disks) == 0:
		return errors.New("the machine has neither a disk nor a kernel to boot")
	case c.Memory%mebibyte != 0 || c.Memory < 0:
		return fmt.Errorf("memory is %d bytes, want whole mebibytes", c.Memory)
	}
	return nil
}

func (c Config) checkFiles() error {
	files := []string{c.Kernel, c.Initrd}
	if c.Firmware == UEFI {
		files = append(files, uefiCode, uefiVars)
	}
	for _, file := range files {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			err = fmt.Errorf("boot the guest: %w", err)
			if c.Firmware == UEFI && file != c.Kernel && file != c.Initrd {
				err = fmt.Errorf("%w; run: apt-get install --no-install-recommends ovmf", err)
			}
			return err
		}
	}
	return nil
}

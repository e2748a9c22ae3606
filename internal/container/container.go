// Package container starts the root file system of a guest as a container.
//
// A container is looked at as a virtual machine is: it is a guest.Machine, by whichever
// of LXD, systemd-nspawn and podman this machine has. The root file system is never
// changed: the container writes beside it. What runs, runs in a cage, a process namespace
// and a mount namespace that the kernel ends with us: of a tester that is killed no
// process and no mount is left, and what the kernel keeps (folders, control groups) is
// removed by a guard that sees us die.
package container

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// Config is a container to start. Its zero value but for Root is useful.
type Config struct {
	Root    Root          // what to start
	Network bool          // share this machine's network, and its resolv.conf; without it there is loopback alone
	Binds   []Bind        // folders of this machine to show inside, read-only
	Boot    time.Duration // until it must have started; 0 is DefaultBoot
	Reboots int           // how often it may reboot by itself before it has started; more is a boot loop
	Scratch string        // where folders for what it writes are made; empty is the system's
}

// DefaultBoot is how long a container may take to start.
const DefaultBoot = 2 * time.Minute

// Root is the root file system of a guest, as Open finds it.
type Root struct {
	Name   string   // what it was opened as, for people
	Digest string   // sha256:HEX of it; empty for a folder, which nothing names
	Tree   string   // folder that holds it
	Init   string   // the program in it that is started, as /sbin/init
	LXD    []string // files of an image of LXD's, if it was opened from such
}

// Bind shows a folder of this machine in the container.
type Bind struct{ Source, Target string }

// Runtime is what runs containers.
type Runtime interface {
	Name() string
	// Try says in a few words with what it would run a container on this machine, or
	// why it cannot. It tries rather than asks whether something is installed.
	Try(ctx context.Context) (with string, err error)
	Starter(Config) guest.Starter
}

func (c Config) boot() time.Duration { return cmp.Or(c.Boot, DefaultBoot) }

// folder is where a container of that name keeps what it writes.
func (c Config) folder(name string) string {
	return filepath.Join(cmp.Or(c.Scratch, os.TempDir()), name)
}

// deadline is the verdict on a container that does not start.
func (c Config) deadline(state string) error {
	return &guest.BootError{Reason: fmt.Sprintf("did not start within %s: %s", c.boot(), state)}
}

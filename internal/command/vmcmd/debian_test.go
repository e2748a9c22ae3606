package vmcmd

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/testkit/debianguest"
	"slipway.dev/slipway/internal/testkit/registry"
)

// debianPlan looks at everything that a test can look at but for what reboots.
const debianPlan = `name: debian
machine: {memory: 512Mi, cpus: 2, boot: 3m, firmware: [uefi, bios]}
timeout: 90s
tests:
- {name: running, system: running}
- {name: units, failed-units: none}
- {name: kernel, kernel: ">= 6.1"}
- {name: services, services: [ssh, dbus, systemd-udevd, qemu-guest-agent]}
- {name: ssh, port: {number: 22, from: outside, banner: "^SSH-2.0"}}
- {name: no-web, port: {number: 80, from: outside, closed: true}}
- {name: files, files: [{path: /etc/os-release, contains: ID=debian}, {path: /etc/shadow, mode: "0640", owner: "root:shadow"}]}
- {name: packages, packages: {present: ["systemd >= 252", openssh-server], absent: [telnetd]}}
- {name: users, users: [{name: sshd}, {name: root, uid: 0}]}
- {name: sockets, sockets: [/run/dbus/system_bus_socket]}
- {name: root, run: {args: [findmnt, -no, FSTYPE, /], stdout: ^ext4}}
`

// A whole Debian, from its kernel to systemd's last unit, is tested.
func TestDebian(t *testing.T) {
	g := debianguest.Make(t)
	nothingLeft(t)
	c := call(t.Context(), t, Test, "--image", g.Disk, "--kernel", g.Kernel, "--initrd", g.Initrd, "--append", debianguest.Append,
		"--plan", write(t, "plan.yaml", debianPlan))
	if c.code != cli.ExitDone || !strings.Contains(c.stdout, "debian/direct: 13 passed") {
		t.Errorf("exit code %d", c.code)
	}
	for _, name := range []string{"direct/journal.log", "direct/boot.svg", "direct/boot.png"} {
		if info, err := os.Stat(filepath.Join(c.artifacts, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same as an image, made a disk of, under both firmwares, with a reboot.
func TestDebianFirmwares(t *testing.T) {
	inEarnest(t)
	g := debianguest.Make(t)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return withoutDevices(g.Archive) })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		image, err = mutate.ConfigFile(image, configOf(t, image))
	}
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(registry.Start(t, registry.InProcess).Host + "/debian:next")
	if err == nil {
		err = remote.Write(tag, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	o := disk.Options{Name: "debian", Formats: []disk.Format{disk.QCOW2}, Slots: 1, Arguments: []string{"no_timer_check"}}
	if _, err := (disk.Builder{Cache: t.TempDir(), Say: func(string) {}}).Build(t.Context(), tag.Name(), o, folder); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t)
	plan := debianPlan + "- {name: reboot, reboot: {then: [running, units]}}\n"
	c := call(t.Context(), t, Test, "--image", filepath.Join(folder, "debian.qcow2"), "--plan", write(t, "plan.yaml", plan))
	for _, want := range []string{"debian/uefi: 14 passed", "debian/bios: 14 passed"} {
		if c.code != cli.ExitDone || !strings.Contains(c.stdout, want) {
			t.Errorf("exit code %d, not %q", c.code, want)
		}
	}
}

// withoutDevices reads an archive of a root as images have it: no image holds devices.
func withoutDevices(archive string) (io.ReadCloser, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	from, to := io.Pipe()
	go func() {
		err := copyFiles(tar.NewWriter(to), tar.NewReader(f))
		to.CloseWithError(errors.Join(err, f.Close()))
	}()
	return from, nil
}

func copyFiles(to *tar.Writer, from *tar.Reader) error {
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return to.Close()
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeChar || header.Typeflag == tar.TypeBlock {
			continue
		}
		if err := to.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(to, from); err != nil {
			return err
		}
	}
}

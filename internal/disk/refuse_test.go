package disk

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// without is a layer that lacks what begins with a path.
func without(headers []tar.Header, prefix string) []tar.Header {
	return slices.DeleteFunc(slices.Clone(headers), func(h tar.Header) bool { return strings.HasPrefix(h.Name, prefix) })
}

// What cannot become a disk is refused with its reason, and leaves nothing.
func TestRefuses(t *testing.T) {
	small, wide := usual(), usual()
	small.Size = 132 * mib
	wide.Slots = 2
	evil := func(h tar.Header) string { return image(t, bootable(), []tar.Header{h}) }
	tests := []struct {
		name  string
		image string
		o     Options
		want  string
	}{
		{"no kernel", image(t, without(bootable(), "usr/lib/modules")), usual(), "has no kernel: there is neither /usr/lib/modules/VERSION/vmlinuz nor /boot/vmlinuz-VERSION"},
		{"kernel whited out", evil(regular("usr/lib/modules/6.1.0-9/.wh.vmlinuz", "")), usual(), "has no kernel"},
		{"no PC's kernel", evil(regular("usr/lib/modules/6.1.0-9/vmlinuz", "MZ")), usual(), "no Linux kernel for x86"},
		{"no init", image(t, without(bootable(), "usr/lib/systemd/systemd")), usual(), "has no init"},
		{"too small", image(t, bootable()), small, "too small for the image; give it at least --size"},
		{"too small for two", image(t, bootable()), wide, "too small for the image"},
		{"another architecture", imageOf(t, "arm64", bootable()), usual(), "it is for linux/arm64"},
		{"path climbs", evil(regular("../../etc/cron.d/evil", "x")), usual(), "climbs out"},
		{"link climbs", evil(tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "../../etc/shadow"}), usual(), "climbs out"},
		{"link to nothing", evil(tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "/etc/shadow"}), usual(), "hard link to"},
		{"whiteout of the parent", evil(regular("usr/.wh...", "")), usual(), "whiteout of no file"},
		{"arguments", evil(regular("usr/lib/bootc/kargs.d/30-c.toml", "kargs = [\"a b\"]\n")), usual(), "not passed on safely"},
		{"no such folder", "oci:" + filepath.Join(t.TempDir(), "none"), usual(), "OCI layout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, folder := builder(t), t.TempDir()
			_, err := b.Build(t.Context(), tt.image, tt.o, folder)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if left := listed(t, folder); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// A layer that is cut short or changed is refused, and is not in the cache afterwards.
func TestDamagedLayer(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":                           func(b []byte) []byte { return b[:len(b)/2] },
		"changed":                       func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"another time in gzip's header": func(b []byte) []byte { b[4] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			ref := image(t, bootable())
			folder := filepath.Join(strings.TrimPrefix(ref, "oci:"), "blobs", "sha256")
			largest, size := "", int64(0)
			for _, name := range listed(t, folder) {
				if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.Size() > size {
					largest, size = filepath.Join(folder, name), info.Size()
				}
			}
			data, err := os.ReadFile(largest)
			if err == nil {
				err = os.WriteFile(largest, damage(data), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := builder(t)
			if _, err := b.Build(t.Context(), ref, usual(), t.TempDir()); err == nil {
				t.Error("a disk was made of it")
			}
			if left := listed(t, filepath.Join(b.Cache, "layers")); len(left) > 0 {
				t.Errorf("the cache holds %v", left)
			}
		})
	}
}

// A build that is interrupted, wherever it is, leaves nothing but layers in the cache.
func TestInterrupted(t *testing.T) {
	ref, o := image(t, bootable()), usual()
	for _, at := range []string{"image ", "write a disk", "guest.qcow2"} {
		t.Run(at, func(t *testing.T) {
			b, folder := builder(t), t.TempDir()
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("interrupted by a test")
			b.Say = func(s string) {
				if strings.HasPrefix(s, at) {
					cancel(stop)
				}
			}
			if _, err := b.Build(ctx, ref, o, folder); !errors.Is(err, stop) {
				t.Errorf("got %v", err)
			}
			if left := listed(t, folder); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if left := slices.DeleteFunc(listed(t, b.Cache), func(n string) bool { return n == "layers" }); len(left) > 0 {
				t.Errorf("%v is left in the cache", left)
			}
		})
	}
}

func TestSecretsAreTold(t *testing.T) {
	b := builder(t)
	p, err := b.Plan(t.Context(), image(t, bootable(), []tar.Header{
		regular("root/.ssh/authorized_keys", "ssh-ed25519 A"), regular("etc/ssh/ssh_host_rsa_key", "secret"),
	}), usual())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Warnings, "\n"); !strings.Contains(got, "authorized_keys") || !strings.Contains(got, "ssh_host_rsa_key") {
		t.Errorf("got %s", got)
	}
}

func TestNewer(t *testing.T) {
	order := []string{"", "5.10.0-9", "5.10.0-10", "6.1.0-9-cloud-amd64", "6.1.0-56-cloud-amd64", "6.10.0", "6.10.0-1"}
	for i := 1; i < len(order); i++ {
		if !newer(order[i], order[i-1]) || newer(order[i-1], order[i]) {
			t.Errorf("%s is not newer than %s", order[i], order[i-1])
		}
	}
}

func TestRecordIsBelieved(t *testing.T) {
	b, folder, o := builder(t), t.TempDir(), usual()
	o.Formats = []Format{QCOW2}
	build(t, b, image(t, bootable()), o, folder)
	disk := filepath.Join(folder, "guest.qcow2")
	_, row, err := Read(disk)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(disk, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprint(f, "x")
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if err := row.Verify(disk); err == nil {
		t.Error("a disk that was changed passes for the one that was made")
	}
	if table, err := ReadTable(t.Context(), disk); err != nil || len(table.Partitions) != 3 {
		t.Errorf("got %+v, %v", table, err)
	}
}

// A layer that is whole, and not the one that the configuration says, is refused.
func TestAnotherLayer(t *testing.T) {
	ref := imageWith(t, "amd64", func(c *v1.ConfigFile) { c.RootFS.DiffIDs[0].Hex = strings.Repeat("0", 64) }, bootable())
	if _, err := builder(t).Build(t.Context(), ref, usual(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "it unpacks to sha256:") {
		t.Errorf("got %v", err)
	}
}

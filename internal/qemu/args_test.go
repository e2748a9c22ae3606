package qemu

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the goldens anew")

// What QEMU is told, for every kind of machine.
func TestArgs(t *testing.T) {
	managed := &Descriptors{Monitor: 3, Agent: 4, Console: 5, Memory: 6}
	disk := Disk{File: "/images/hello.qcow2", Format: "qcow2"}
	tests := []struct {
		name    string
		config  Config
		runtime Runtime
	}{
		{"person-bios", Config{Disks: []Disk{disk}}, Runtime{Accel: TCG}},
		{"person-uefi", Config{Disks: []Disk{disk}, Firmware: UEFI, SSHPort: 2222, Online: true}, Runtime{Accel: KVM}},
		{"managed", Config{Disks: []Disk{disk, {File: "/new.raw", Format: "raw", Serial: "slipway-new", ReadOnly: true}}, CPUs: 4, Memory: 2 << 30},
			Runtime{Accel: KVM, Managed: managed, Overlays: []string{"/work/disk0.qcow2", "/work/disk1.qcow2"}, Key: "ssh-ed25519 AAAA slipway"}},
		{"restored", Config{Disks: []Disk{disk}}, Runtime{Accel: TCG, Managed: managed, Overlays: []string{"/work/disk0.qcow2"}, Incoming: true}},
		{"bundle", Config{Kernel: "/b/vmlinuz", Initrd: "/b/initrd", Append: "root=/dev/vda console=ttyS0", Disks: []Disk{{File: "/b/root.ext4"}}}, Runtime{}},
		{"microvm", Config{Machine: MicroVM, Kernel: "/b/vmlinuz", Credentials: map[string]string{"b": "two,three", "a": "one"}},
			Runtime{Accel: TCG, Managed: managed, Key: "ssh-ed25519 AAAA slipway"}},
		{"commas", Config{Disks: []Disk{{File: "/a,b,,c", Serial: "x,y"}}, Credentials: map[string]string{"a,b": "c,d"}}, Runtime{SeedFile: "/work/s,eed.img"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(tt.config.Args(tt.runtime), "\n") + "\n"
			golden := filepath.Join("testdata", "args", tt.name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

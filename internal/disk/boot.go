package disk

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"slipway.dev/slipway/internal/disk/tree"
)

// Boot is what an image boots by. The paths are the image's.
type Boot struct {
	Version string `json:"version"` // of the kernel
	Kernel  string `json:"kernel"`
	Initrd  string `json:"initrd,omitempty"` // none if the kernel needs none
	Init    string `json:"init"`

	kernel, initrd *tree.Node
}

// findBoot finds an image's kernel, initrd and init.
func findBoot(root *tree.Node) (Boot, error) {
	kernel, err := findKernel(root)
	if err != nil {
		return Boot{}, err
	}
	if err := checkKernel(kernel.kernel); err != nil {
		return Boot{}, fmt.Errorf("%s: %w", kernel.Kernel, err)
	}
	kernel.Init, err = findInit(root)
	return kernel, err
}

// findKernel takes the newest kernel where bootc has it, else where Debian has it.
func findKernel(root *tree.Node) (Boot, error) {
	var best Boot
	for _, version := range names(root, "/usr/lib/modules") {
		folder := "/usr/lib/modules/" + version
		if kernel := file(root, folder+"/vmlinuz"); kernel != nil && newer(version, best.Version) {
			best = Boot{Version: version, Kernel: folder + "/vmlinuz", kernel: kernel}
			best.addInitrd(root, folder+"/initramfs.img", "/boot/initrd.img-"+version, "/boot/initramfs-"+version+".img")
		}
	}
	if best.Kernel != "" {
		return best, nil
	}
	for _, name := range names(root, "/boot") {
		version, ok := strings.CutPrefix(name, "vmlinuz-")
		if kernel := file(root, "/boot/"+name); ok && kernel != nil && newer(version, best.Version) {
			best = Boot{Version: version, Kernel: "/boot/" + name, kernel: kernel}
			best.addInitrd(root, "/boot/initrd.img-"+version, "/boot/initramfs-"+version+".img")
		}
	}
	if best.Kernel == "" {
		return best, errors.New("the image has no kernel: there is neither /usr/lib/modules/VERSION/vmlinuz nor /boot/vmlinuz-VERSION; install one into it")
	}
	return best, nil
}

// addInitrd takes the first of the paths that is there.
func (b *Boot) addInitrd(root *tree.Node, paths ...string) {
	for _, p := range paths {
		if n := file(root, p); n != nil {
			b.Initrd, b.initrd = p, n
			return
		}
	}
}

// checkKernel sees by its header whether a file is a kernel that PCs boot.
func checkKernel(kernel *tree.Node) error {
	f, err := kernel.Open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	begin := make([]byte, 0x206)
	if _, err := io.ReadFull(f, begin); err != nil || string(begin[0x202:]) != "HdrS" {
		return errors.New("this is no Linux kernel for x86 (bzImage), so no disk can boot it")
	}
	return nil
}

// inits are where a kernel and people expect the first program.
var inits = []string{"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/init"}

func findInit(root *tree.Node) (string, error) {
	for _, p := range inits {
		if n := file(root, p); n != nil && n.Mode&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("the image has no init: none of %s leads to a program in it; install systemd-sysv or another init into it", strings.Join(inits, ", "))
}

// file is the regular file at a path, through links; nil if there is none.
func file(root *tree.Node, p string) *tree.Node {
	n, _, err := root.Find(p)
	if err != nil || n.Kind() != tree.Regular {
		return nil
	}
	return n
}

// names are the names in a directory of the image, if it is one.
func names(root *tree.Node, p string) []string {
	n, _, err := root.Find(p)
	if err != nil {
		return nil
	}
	return n.Names()
}

// newer compares versions of kernels: runs of digits as numbers, the rest as text.
func newer(a, b string) bool {
	for b != "" && a != "" {
		partA, numberA := first(&a)
		partB, numberB := first(&b)
		if numberA != numberB {
			return numberA
		}
		if numberA {
			partA, partB = strings.TrimLeft(partA, "0"), strings.TrimLeft(partB, "0")
			if len(partA) != len(partB) {
				return len(partA) > len(partB)
			}
		}
		if partA != partB {
			return partA > partB
		}
	}
	return len(a) > len(b)
}

// first cuts the first run of digits, or of anything else, off a version.
func first(version *string) (part string, number bool) {
	digit := func(i int) bool { return (*version)[i] >= '0' && (*version)[i] <= '9' }
	n := 1
	for n < len(*version) && digit(n) == digit(0) {
		n++
	}
	part, number = (*version)[:n], digit(0)
	*version = (*version)[n:]
	return part, number
}

// secrets are what guests of one image would share, and should not.
func secrets(root *tree.Node) []string {
	var found []string
	if n := file(root, "/root/.ssh/authorized_keys"); n != nil && n.Size > 0 {
		found = append(found, "/root/.ssh/authorized_keys is in the image: whoever has such a key may enter every guest of it")
	}
	for _, name := range names(root, "/etc/ssh") {
		if ok, _ := path.Match("ssh_host_*_key", name); ok { // the pattern is right
			found = append(found, "/etc/ssh/"+name+" is in the image: all its guests share this private key")
		}
	}
	return found
}

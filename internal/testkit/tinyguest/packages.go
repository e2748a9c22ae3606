package tinyguest

import (
	_ "embed"
	"strings"

	"slipway.dev/slipway/internal/debian"
)

// lockText names the Debian packages that the guest is made of, as in an image's
// debian.lock. It is written by: go test ./internal/testkit/tinyguest -run TestLock -update
//
//go:embed debian.lock
var lockText []byte

// spec is what is wanted; of what that depends on, only parts are of use here.
var spec = debian.Spec{
	Suite:         "bookworm",
	Packages:      []string{"busybox-static", "dropbear-bin", "linux-image-cloud-amd64", "qemu-guest-agent"},
	Architectures: []string{arch},
}

const arch = "amd64"

// parts are the packages that lie in the guest.
var parts = []string{
	"busybox-static", "dropbear-bin", "libc6", "libcrypt1", "libglib2.0-0", "libgmp10", "libnuma1", "libpcre2-8-0",
	"libtomcrypt1", "libtommath1", "libudev1", "liburing2", "qemu-guest-agent", "zlib1g",
}

// part says whether the guest needs a package.
func part(p debian.Package) bool {
	for _, name := range parts {
		if p.Name == name {
			return true
		}
	}
	return strings.HasPrefix(p.Name, "linux-image-") && strings.HasSuffix(p.Name, "-cloud-"+arch) && p.Size > 1<<20
}

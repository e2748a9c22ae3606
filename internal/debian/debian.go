// Package debian brings Debian packages into images, from locks.
//
// An image folder's debian.yaml says which packages the image wants; debian.lock,
// which `slipway image lock` writes, names every package that this means, with its
// version and sha256. The invariant: what goes into an image is decided by the lock
// alone. The archive is asked for bytes that the lock names, and no mirror, date or
// machine can change what an image holds.
package debian

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// The files of an image folder that this package reads and writes.
const (
	SpecFile = "debian.yaml"
	LockFile = "debian.lock"
)

// Archive is Debian's archive as this machine reaches it. Its zero value is ready to use.
type Archive struct {
	Mirror   string               // URL above debian and debian-security; empty is DefaultMirror
	Snapshot string               // URL of a service that keeps what mirrors drop; empty is DefaultSnapshot
	Cache    string               // folder for packages, named by their sha256; empty is slipway/debian in the user's cache folder
	Keyring  string               // keys that sign the archive; empty is Debian's own
	Timeout  time.Duration        // for one lock, fetch or root; 0 is 15 minutes
	Say      func(message string) // progress; nil is none

	patience time.Duration // how long a server may say nothing; 0 is 30 seconds
}

const (
	// DefaultMirror serves the archives debian and debian-security.
	DefaultMirror = "http://deb.debian.org"
	// DefaultSnapshot serves them as they were at any time.
	DefaultSnapshot = "http://snapshot.debian.org"

	defaultKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	defaultTimeout = 15 * time.Minute
)

// Package is one package of a lock.
type Package struct {
	Name    string
	Version string
	Arch    string // Debian's name of the architecture, or all
	SHA256  string // of the .deb, as the archive's signed index names it
	Size    int64
	Pool    string // where the archives hold it: debian/pool/main/h/hello/hello_2.10-3_amd64.deb
}

// file is the package's file name.
func (p Package) file() string { return path.Base(p.Pool) }

func (p Package) String() string { return fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Arch) }

func sortPackages(list []Package) {
	slices.SortFunc(list, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch))
	})
}

// Path is where the cache holds a package that was fetched.
func (a Archive) Path(p Package) string {
	return filepath.Join(a.cache(), "sha256", p.SHA256[:2], p.SHA256)
}

func (a Archive) cache() string {
	if a.Cache != "" {
		return a.Cache
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "slipway", "debian")
}

func (a Archive) say(format string, args ...any) {
	if a.Say != nil {
		a.Say(fmt.Sprintf(format, args...))
	}
}

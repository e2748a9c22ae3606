package debian

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lock is a debian.lock: every package that an image adds to what is below it.
type Lock struct {
	Suite    string
	Snapshot time.Time            // when the archive was asked, to the second; UTC
	Wanted   []string             // the packages of the debian.yaml that it was made for, sorted
	Packages map[string][]Package // by the image's architecture, sorted by name
}

// format is the number of the way in which packages get into images. It stands in
// every lock, and so in every tag: it grows when the scripts of this package change
// what an image holds.
const format = "1"

// stamp is how snapshot.debian.org writes a time.
const stamp = "20060102T150405Z"

// Format writes the lock as text; name is the image's.
func (l Lock) Format(name string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by `slipway image lock %s` for %s. A line of a package is:\n", name, SpecFile)
	fmt.Fprintln(&out, "# name version architecture sha256 size place-in-the-archive")
	fmt.Fprintf(&out, "format %s\nsuite %s\nsnapshot %s\n", format, l.Suite, l.Snapshot.UTC().Format(stamp))
	fmt.Fprintf(&out, "wanted %s\n", strings.Join(l.Wanted, " "))
	for _, arch := range slices.Sorted(maps.Keys(l.Packages)) {
		fmt.Fprintf(&out, "\narchitecture %s\n", arch)
		for _, p := range l.Packages[arch] {
			fmt.Fprintf(&out, "%s %s %s %s %d %s\n", p.Name, p.Version, p.Arch, p.SHA256, p.Size, p.Pool)
		}
	}
	return out.Bytes()
}

// Same says whether two locks choose the same, whenever they were made.
func (l Lock) Same(other Lock) bool {
	return l.Suite == other.Suite && slices.Equal(l.Wanted, other.Wanted) &&
		maps.EqualFunc(l.Packages, other.Packages, slices.Equal)
}

// ReadLock reads a debian.lock.
func ReadLock(file string) (Lock, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Lock{}, fmt.Errorf("read locked packages: %w", err)
	}
	return ParseLock(file, data)
}

// ParseLock reads the text of a debian.lock; file is its name, for errors.
func ParseLock(file string, data []byte) (Lock, error) {
	p := lockParser{lock: Lock{Packages: map[string][]Package{}}}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.add(fields); err != nil {
			return Lock{}, fmt.Errorf("%s:%d: %w", file, number, err)
		}
	}
	switch {
	case p.format == "":
		return Lock{}, fmt.Errorf("%s: no line begins with format", file)
	case p.lock.Suite == "":
		return Lock{}, fmt.Errorf("%s: no line begins with suite", file)
	case p.lock.Snapshot.IsZero():
		return Lock{}, fmt.Errorf("%s: no line begins with snapshot", file)
	case len(p.lock.Packages) == 0:
		return Lock{}, fmt.Errorf("%s: no line begins with architecture", file)
	}
	return p.lock, nil
}

type lockParser struct {
	lock   Lock
	format string
	arch   string // of the packages that follow
}

func (p *lockParser) add(fields []string) error {
	if p.arch != "" && fields[0] != "architecture" {
		return p.addPackage(fields)
	}
	switch key, values := fields[0], fields[1:]; {
	case key == "wanted":
		p.lock.Wanted = values
		return nil
	case len(values) != 1:
		return fmt.Errorf("%q is followed by %d words, want one", key, len(values))
	case key == "format":
		p.format = values[0]
		return checkFormat(values[0])
	case key == "suite":
		p.lock.Suite = values[0]
		return nil
	case key == "snapshot":
		return p.setSnapshot(values[0])
	case key == "architecture":
		return p.setArchitecture(values[0])
	default:
		return fmt.Errorf("%q is none of format, suite, snapshot, wanted, architecture", key)
	}
}

func checkFormat(number string) error {
	if number != format {
		return fmt.Errorf("the lock has format %s, want %s; write it anew: slipway image lock", number, format)
	}
	return nil
}

func (p *lockParser) setSnapshot(text string) (err error) {
	p.lock.Snapshot, err = time.Parse(stamp, text)
	if err != nil {
		return fmt.Errorf("%q is no time of the form %s", text, stamp)
	}
	return nil
}

func (p *lockParser) setArchitecture(name string) error {
	if _, twice := p.lock.Packages[name]; twice {
		return fmt.Errorf("architecture %s is there already", name)
	}
	if !architectureName.MatchString(name) {
		return fmt.Errorf("%q is no name of an architecture", name)
	}
	p.arch, p.lock.Packages[name] = name, []Package{}
	return nil
}

func (p *lockParser) addPackage(fields []string) error {
	const words = 6
	if len(fields) != words {
		return fmt.Errorf("a package has %d words, want %d: name version architecture sha256 size place", len(fields), words)
	}
	size, err := strconv.ParseInt(fields[4], 10, 64)
	if err != nil || size <= 0 {
		return fmt.Errorf("%q is no size", fields[4])
	}
	pkg := Package{Name: fields[0], Version: fields[1], Arch: fields[2], SHA256: fields[3], Size: size, Pool: fields[5]}
	if err := pkg.check(p.arch); err != nil {
		return fmt.Errorf("%s: %w", pkg.Name, err)
	}
	list := p.lock.Packages[p.arch]
	if n := len(list); n > 0 && list[n-1].Name >= pkg.Name {
		return fmt.Errorf("%s stands below %s; packages are sorted, and none is there twice", pkg.Name, list[n-1].Name)
	}
	p.lock.Packages[p.arch] = append(list, pkg)
	return nil
}

// check refuses what could name a file elsewhere, or something else than a package.
func (p Package) check(arch string) error {
	sum, err := hex.DecodeString(p.SHA256)
	switch {
	case !packageName.MatchString(p.Name):
		return errors.New("that is no name of a package")
	case p.Arch != arch && p.Arch != "all":
		return fmt.Errorf("architecture is %s, want %s or all", p.Arch, arch)
	case err != nil || len(sum) != 32 || strings.ToLower(p.SHA256) != p.SHA256:
		return fmt.Errorf("%q is no sha256", p.SHA256)
	case !poolPath(p.Pool):
		return fmt.Errorf("%q is no place of a .deb in debian/pool or debian-security/pool", p.Pool)
	case !strings.HasPrefix(p.file(), p.Name+"_"):
		return fmt.Errorf("%s is another package", p.file())
	}
	return nil
}

func poolPath(path string) bool {
	inPool := strings.HasPrefix(path, "debian/pool/") || strings.HasPrefix(path, "debian-security/pool/")
	return inPool && strings.HasSuffix(path, ".deb") && !strings.Contains("/"+path+"/", "/../")
}

// For returns what the lock holds for an architecture. The error says what to do
// if spec has changed since the lock was made; name is the image's.
func (l Lock) For(name, arch string, spec Spec) ([]Package, error) {
	wanted := slices.Sorted(slices.Values(spec.Packages))
	packages, ok := l.Packages[arch]
	switch {
	case !slices.Equal(wanted, l.Wanted):
		return nil, fmt.Errorf("%s of %s was made for other packages than %s names; run: slipway image lock %s", LockFile, name, SpecFile, name)
	case spec.Base() && spec.Suite != l.Suite:
		return nil, fmt.Errorf("%s of %s was made for %s, not for %s; run: slipway image lock %s", LockFile, name, l.Suite, spec.Suite, name)
	case !ok:
		return nil, fmt.Errorf("%s of %s has no packages for %s; add it to architectures in %s and run: slipway image lock %s", LockFile, name, arch, SpecFile, name)
	}
	return packages, nil
}

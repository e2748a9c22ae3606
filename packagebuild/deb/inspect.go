package deb

import (
	"archive/tar"
	"bufio"
	"crypto/md5" //nolint:gosec // the format's own checksum: it finds damage, not forgery
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/deb822"
	"slipway.dev/slipway/packagebuild"
)

// maxControl is how many bytes a file of control.tar may have: it is held in memory.
const maxControl = 16 << 20

// Inspect opens a .deb and reads all of it: a damaged one is an error.
func (Format) Inspect(path string) (packagebuild.Package, error) {
	f, err := os.Open(path)
	if err != nil {
		return packagebuild.Package{}, fmt.Errorf("inspect package: %w", err)
	}
	defer f.Close()
	pkg, err := inspect(f)
	if err != nil {
		return packagebuild.Package{}, fmt.Errorf("inspect %s: %w", path, err)
	}
	pkg.Path = path
	return pkg, nil
}

// inspect reads a deb(5) archive: debian-binary, control.tar and data.tar in
// this order, then nothing but members whose names begin with '_', which
// signing tools add.
func inspect(r io.Reader) (packagebuild.Package, error) {
	ar, err := newArReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return packagebuild.Package{}, err
	}
	var c controlTar
	d := dataTar{index: map[string]int{}, md5: map[string]string{}}
	for _, member := range []struct {
		prefix string
		read   func(ext string, r io.Reader) error
	}{
		{"debian-binary", readVersion},
		{"control.tar", c.read},
		{"data.tar", d.read},
	} {
		name, err := ar.next()
		ext, ok := strings.CutPrefix(name, member.prefix)
		if err == nil && !ok {
			err = fmt.Errorf("member %q is in its place", name)
		}
		if err == nil {
			err = member.read(ext, ar)
		}
		if err != nil {
			return packagebuild.Package{}, fmt.Errorf("read %s: %w", member.prefix, short(err))
		}
	}
	if err := readExtraMembers(ar); err != nil {
		return packagebuild.Package{}, err
	}
	return describe(c, d)
}

func readVersion(ext string, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, 16))
	if err != nil {
		return err
	}
	if ext != "" || string(text) != "2.0\n" {
		return fmt.Errorf("it says %q, want format 2.0", text)
	}
	return nil
}

func readExtraMembers(ar *arReader) error {
	for {
		name, err := ar.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && !strings.HasPrefix(name, "_") {
			err = fmt.Errorf("member %q does not belong into a package", name)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, ar)
		}
		if err != nil {
			return err
		}
	}
}

func describe(c controlTar, d dataTar) (packagebuild.Package, error) {
	if c.control == nil {
		return packagebuild.Package{}, errors.New("control.tar has no control file")
	}
	p, err := deb822.ParseOne("control", c.control)
	if err != nil {
		return packagebuild.Package{}, err
	}
	for _, field := range []string{"Package", "Version", "Architecture"} {
		if p.Get(field) == "" {
			return packagebuild.Package{}, fmt.Errorf("control: no %s field", field)
		}
	}
	if err := d.checkSums(c.md5sums); err != nil {
		return packagebuild.Package{}, err
	}
	return packagebuild.Package{
		Format:  "deb",
		Name:    p.Get("Package"),
		Version: p.Get("Version"),
		Arch:    p.Get("Architecture"),
		Vcs:     p.Get("Git"),
		Files:   d.files,
	}, nil
}

// controlTar is what is read of control.tar.
type controlTar struct {
	control, md5sums []byte
}

func (c *controlTar) read(ext string, r io.Reader) error { return readTar(ext, r, c.add) }

func (c *controlTar) add(e tarEntry) error {
	if e.Typeflag == tar.TypeDir {
		return nil
	}
	if e.Typeflag != tar.TypeReg || e.Size > maxControl {
		return fmt.Errorf("type %q, %d bytes; want a file of at most %d", e.Typeflag, e.Size, maxControl)
	}
	text, err := io.ReadAll(e)
	if err != nil {
		return err
	}
	switch e.path {
	case "/control":
		c.control = text
	case "/md5sums":
		c.md5sums = text
	}
	return nil
}

// dataTar is what is read of data.tar.
type dataTar struct {
	files []packagebuild.File
	index map[string]int    // path → files
	md5   map[string]string // path → hex, of regular files
}

func (d *dataTar) read(ext string, r io.Reader) error { return readTar(ext, r, d.add) }

func (d *dataTar) add(e tarEntry) error {
	file := packagebuild.File{Path: e.path, Mode: uint32(e.Mode) & 0o7777}
	switch e.Typeflag {
	case tar.TypeDir:
		file.Mode |= unix.S_IFDIR
	case tar.TypeSymlink:
		file.Mode, file.Link = file.Mode|unix.S_IFLNK, e.Linkname
	case tar.TypeLink:
		return d.addHardLink(e)
	case tar.TypeReg:
		md5sum, sha256sum, err := sums(e)
		if err != nil {
			return err
		}
		file.Mode, file.Size, file.SHA256 = file.Mode|unix.S_IFREG, e.Size, sha256sum
		d.md5[e.path] = md5sum
	default:
		return fmt.Errorf("type %q is neither file, folder nor link", e.Typeflag)
	}
	d.append(file)
	return nil
}

func (d *dataTar) append(file packagebuild.File) {
	d.index[file.Path] = len(d.files)
	d.files = append(d.files, file)
}

// addHardLink adds another name of a file that came before.
func (d *dataTar) addHardLink(e tarEntry) error {
	target := "/" + strings.TrimPrefix(e.Linkname, "./")
	i, ok := d.index[target]
	if _, regular := d.md5[target]; !ok || !regular {
		return fmt.Errorf("hard link to %q, which is no file above", e.Linkname)
	}
	file := d.files[i]
	file.Path = e.path
	d.md5[e.path] = d.md5[target]
	d.append(file)
	return nil
}

func sums(r io.Reader) (md5sum, sha256sum string, err error) {
	m, s := md5.New(), sha256.New() //nolint:gosec // see the import
	if _, err := io.Copy(io.MultiWriter(m, s), r); err != nil {
		return "", "", err
	}
	return hex.EncodeToString(m.Sum(nil)), hex.EncodeToString(s.Sum(nil)), nil
}

// checkSums checks the files against control's md5sums: `<hex>  <path>` each.
func (d *dataTar) checkSums(md5sums []byte) error {
	for line := range strings.Lines(string(md5sums)) {
		want, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			return fmt.Errorf("md5sums: %q is no line of it", line)
		}
		got, ok := d.md5["/"+strings.TrimPrefix(name, "./")]
		if !ok {
			return fmt.Errorf("md5sums names %s, which is no file of the package", name)
		}
		if got != want {
			return fmt.Errorf("%s has md5 %s, but md5sums says %s: the package is damaged", name, got, want)
		}
	}
	return nil
}

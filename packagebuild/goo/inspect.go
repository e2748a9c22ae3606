package goo

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/packagebuild"
)

// Inspect opens a package as googet does, and refuses what would make googet
// write outside of its folder or guess which specification is the package's.
func (Format) Inspect(path string) (packagebuild.Package, error) {
	file, err := os.Open(path)
	if err != nil {
		return packagebuild.Package{}, fmt.Errorf("inspect: %w", err)
	}
	defer file.Close()
	spec, files, err := read(file)
	if err != nil {
		return packagebuild.Package{}, fmt.Errorf("inspect %s: %w", path, err)
	}
	return packagebuild.Package{
		Path:    path,
		Format:  formatName,
		Name:    spec.Name,
		Version: spec.Version,
		Arch:    spec.Arch,
		Vcs:     string(spec.Tags[vcsTag]),
		Files:   files,
	}, nil
}

// read reads a package to its last byte, so that a truncated one is an error.
func read(r io.Reader) (*PkgSpec, []packagebuild.File, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	zip := packagebuild.Bounded(unzipped, packagebuild.MaxUnpacked)
	var p reader
	archive := tar.NewReader(zip)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("after entry %q: %w", p.last(), err)
		}
		if err := p.entry(header, archive); err != nil {
			return nil, nil, err
		}
	}
	if _, err := io.Copy(io.Discard, zip); err != nil {
		return nil, nil, fmt.Errorf("after the last entry: %w", err)
	}
	if p.spec == nil {
		return nil, nil, fmt.Errorf("it holds no *%s, so googet cannot install it", pkgSpecSuffix)
	}
	return p.spec, p.files, nil
}

// reader collects what the entries of a package say.
type reader struct {
	spec     *PkgSpec
	specName string
	files    []packagebuild.File
}

func (p *reader) last() string {
	if len(p.files) == 0 {
		return ""
	}
	return p.files[len(p.files)-1].Path
}

func (p *reader) entry(header *tar.Header, content io.Reader) error {
	if len(p.files) >= packagebuild.MaxEntries {
		return fmt.Errorf("more than %d entries", packagebuild.MaxEntries)
	}
	if packagebuild.IsSparse(header) {
		return fmt.Errorf("entry %q is sparse", header.Name)
	}
	if err := checkEntry(header.Name); err != nil {
		return err
	}
	file := packagebuild.File{
		Path: path.Clean("/" + header.Name),
		Size: header.Size,
		Mode: uint32(header.Mode) & 0o7777,
	}
	switch header.Typeflag {
	case tar.TypeDir:
		file.Mode |= unix.S_IFDIR
		p.files = append(p.files, file)
		return nil
	case tar.TypeReg:
		file.Mode |= unix.S_IFREG
	default:
		return fmt.Errorf("entry %q is neither file nor folder (tar type %q); googet would install an empty file", header.Name, header.Typeflag)
	}
	if path.Ext(header.Name) == pkgSpecSuffix {
		return p.pkgSpec(file, content)
	}
	return p.add(file, content)
}

func (p *reader) add(file packagebuild.File, content io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return fmt.Errorf("entry %q: %w", file.Path, err)
	}
	file.SHA256 = hex.EncodeToString(sum.Sum(nil))
	p.files = append(p.files, file)
	return nil
}

func (p *reader) pkgSpec(file packagebuild.File, content io.Reader) error {
	if p.spec != nil {
		return fmt.Errorf("entries %q and %q are both specifications; googet would read the first only", p.specName, file.Path)
	}
	if file.Size > maxSpec {
		return fmt.Errorf("entry %q has %d bytes; a specification may have %d", file.Path, file.Size, maxSpec)
	}
	var text strings.Builder
	if err := p.add(file, io.TeeReader(content, &text)); err != nil {
		return err
	}
	spec := new(PkgSpec)
	if err := json.Unmarshal([]byte(text.String()), spec); err != nil {
		return jsonError(file.Path, []byte(text.String()), []byte(text.String()), err)
	}
	spec.normalize()
	if err := spec.validate(); err != nil {
		return fmt.Errorf("entry %q: %w", file.Path, err)
	}
	p.spec, p.specName = spec, file.Path
	return nil
}

// Verify checks a package against the goospec that makes a file of its name, which
// holds the request's version and fits its target, or Plan would have refused it.
func (Format) Verify(req packagebuild.Request, pkg packagebuild.Package) error {
	specs, _, err := load(req)
	if err != nil {
		return fmt.Errorf("verify %s: %w", pkg.Path, err)
	}
	if err := verify(req, pkg, specs); err != nil {
		return fmt.Errorf("verify %s: %w", pkg.Path, err)
	}
	return nil
}

func verify(req packagebuild.Request, pkg packagebuild.Package, specs []*Spec) error {
	var names []string
	var spec *Spec
	for _, s := range specs {
		names = append(names, s.Package.FileName())
		if s.Package.FileName() == filepath.Base(pkg.Path) {
			spec = s
		}
	}
	switch {
	case pkg.Format != formatName:
		return fmt.Errorf("it is a %s package, not goo", pkg.Format)
	case spec == nil:
		return fmt.Errorf("no goospec makes a file of this name; they make %s", strings.Join(names, ", "))
	case pkg.Name != spec.Package.Name:
		return fmt.Errorf("its name is %s, but %s says %s", pkg.Name, spec.Path, spec.Package.Name)
	case pkg.Version != spec.Package.Version:
		return fmt.Errorf("its version is %s, but %s says %s", pkg.Version, spec.Path, spec.Package.Version)
	case pkg.Arch != spec.Package.Arch:
		return fmt.Errorf("its arch is %s, but %s says %s", pkg.Arch, spec.Path, spec.Package.Arch)
	case !strings.HasSuffix(pkg.Vcs, req.Source.Commit):
		return fmt.Errorf("its commit stamp %q does not end in %s", pkg.Vcs, req.Source.Commit)
	}
	return nil
}

package attest

import (
	"crypto/sha1" //nolint:gosec // SPDX 2.3 asks for it; the SHA256 beside it is what counts
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/utils"

	"slipway.dev/slipway/packagebuild"
)

// addFiles lists what the package installs. With the contents at hand, each file
// has the SHA1 that SPDX asks for and the package its verification code;
// without, the package counts as not analyzed and files have their SHA256 alone.
func (d *document) addFiles() error {
	for _, f := range d.artifact.Files {
		if f.SHA256 == "" {
			continue // a folder or link has no content
		}
		if err := d.addFile(f); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if d.artifact.Contents == nil || len(d.Files) == 0 {
		return nil
	}
	code, err := utils.GetVerificationCode(d.Files, "")
	if err != nil {
		return err
	}
	d.main.FilesAnalyzed = true
	d.main.PackageVerificationCode = &code
	d.main.PackageLicenseInfoFromFiles = []string{noAssertion}
	return nil
}

func (d *document) addFile(f packagebuild.File) error {
	id := elementID("File", f.Path)
	file := &spdx.File{
		FileName:           "." + f.Path,
		FileSPDXIdentifier: id,
		Checksums:          []common.Checksum{{Algorithm: common.SHA256, Value: f.SHA256}},
		LicenseConcluded:   noAssertion,
		LicenseInfoInFiles: []string{noAssertion},
		FileCopyrightText:  noAssertion,
	}
	d.Files = append(d.Files, file)
	d.relate(mainID, common.TypeRelationshipContains, id)
	if d.artifact.Contents == nil {
		return nil
	}
	content, err := d.artifact.Contents(f.Path)
	if err != nil {
		return err
	}
	if closer, ok := content.(io.Closer); ok {
		defer closer.Close()
	}
	sum, err := hashFile(f, content)
	if err != nil {
		return err
	}
	file.Checksums = append([]common.Checksum{{Algorithm: common.SHA1, Value: sum}}, file.Checksums...)
	d.addGoModules(id, content)
	return nil
}

// hashFile returns the SHA1, and makes sure that content is what was packed.
func hashFile(f packagebuild.File, content io.ReaderAt) (string, error) {
	short, long := sha1.New(), sha256.New()
	if _, err := io.Copy(io.MultiWriter(short, long), io.NewSectionReader(content, 0, f.Size)); err != nil {
		return "", err
	}
	if got := fmt.Sprintf("%x", long.Sum(nil)); got != f.SHA256 {
		return "", fmt.Errorf("its content has sha256 %s, but the package holds %s", got, f.SHA256)
	}
	return fmt.Sprintf("%x", short.Sum(nil)), nil
}

// addGoModules adds the modules that were compiled into a Go program, with the
// standard library as one of them, since it has vulnerabilities of its own.
func (d *document) addGoModules(program common.ElementID, content io.ReaderAt) {
	info, err := buildinfo.Read(content)
	if err != nil {
		return // no Go program: nearly every file
	}
	version, _, _ := strings.Cut(info.GoVersion, " ")
	d.addModule(program, debug.Module{Path: "stdlib", Version: strings.TrimPrefix(version, "go")})
	for _, module := range info.Deps {
		d.addModule(program, compiled(module))
	}
}

// compiled is the module whose code is in the program. One that a folder
// replaces keeps its name: the folder's says nothing outside of the tree, and
// its version is empty or (devel).
func compiled(module *debug.Module) debug.Module {
	if module.Replace != nil && strings.HasPrefix(module.Replace.Version, "v") {
		return *module.Replace
	}
	return *module
}

func (d *document) addModule(program common.ElementID, module debug.Module) {
	purl := modulePURL(module.Path, module.Version)
	id, seen := d.modules[purl]
	if !seen {
		id = elementID("GoModule", purl)
		d.modules[purl] = id
		pkg := d.addPackage(id, module.Path, module.Version, purl)
		if module.Sum != "" {
			pkg.PackageComment = "go.sum " + module.Sum
		}
	}
	d.relate(program, common.TypeRelationshipStaticLink, id)
}

// toolchainPURL names a Go release, such as go1.26.1, as vulnerability scanners do.
func toolchainPURL(version string) string {
	return modulePURL("stdlib", strings.TrimPrefix(version, "go"))
}

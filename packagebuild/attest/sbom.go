package attest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const (
	noAssertion = "NOASSERTION"
	mainID      = common.ElementID("Package")
)

// SBOM is the SPDX 2.3 document, as JSON, of one artifact of b: what it installs,
// which Go modules are inside its programs, and what was in the root.
func SBOM(b Build, a Artifact) ([]byte, error) {
	d := document{build: b, artifact: a}
	if err := d.fill(); err != nil {
		return nil, fmt.Errorf("write SBOM of %s: %w", a.FileName(), err)
	}
	text, err := d.encode()
	if err != nil {
		return nil, fmt.Errorf("write SBOM of %s: %w", a.FileName(), err)
	}
	return text, nil
}

// document is an SBOM as it grows.
type document struct {
	build    Build
	artifact Artifact
	spdx.Document
	main    *spdx.Package
	modules map[string]common.ElementID // by purl
}

func (d *document) fill() error {
	d.modules = map[string]common.ElementID{}
	d.header()
	d.addMain()
	if err := d.addFiles(); err != nil {
		return err
	}
	d.addToolchain()
	d.addRoot()
	return nil
}

func (d *document) header() {
	created := d.build.Request.Source.Time
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	d.SPDXVersion = spdx.Version
	d.DataLicense = spdx.DataLicense
	d.SPDXIdentifier = "DOCUMENT"
	d.DocumentName = d.artifact.FileName()
	d.CreationInfo = &spdx.CreationInfo{
		Creators: []common.Creator{{CreatorType: "Tool", Creator: "slipway"}},
		Created:  created.UTC().Format(time.RFC3339),
	}
}

func (d *document) addMain() {
	a, target := d.artifact, d.build.Request.Target
	d.main = d.addPackage(mainID, a.Name, a.Version, packageURL(a.Package, target))
	d.main.PackageFileName = a.FileName()
	d.main.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: a.SHA256}}
	d.main.PackageLicenseDeclared = d.license(a.License)
	d.main.PrimaryPackagePurpose = "INSTALL"
	if uri := sourceURI(d.build.Request.Source); publicSource.MatchString(uri) {
		d.main.PackageDownloadLocation = uri
	}
	d.relate("DOCUMENT", common.TypeRelationshipDescribe, mainID)
}

// publicSource are the forms of git URLs that SPDX knows; a folder of the
// machine that built is none of them.
var publicSource = regexp.MustCompile(`^git(\+(git|https?|ssh))?://`)

// addPackage adds a package of which no more than its name is known.
func (d *document) addPackage(id common.ElementID, name, version, purl string) *spdx.Package {
	pkg := &spdx.Package{
		PackageName:             name,
		PackageSPDXIdentifier:   id,
		PackageVersion:          version,
		PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  noAssertion,
		PackageCopyrightText:    noAssertion,
		PackageExternalReferences: []*spdx.PackageExternalReference{
			{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl},
		},
	}
	d.Packages = append(d.Packages, pkg)
	return pkg
}

func (d *document) addToolchain() {
	version := d.build.GoVersion
	if version == "" {
		return
	}
	d.addPackage("GoToolchain", "go", version, toolchainPURL(version))
	d.relate("GoToolchain", common.TypeRelationshipBuildToolOf, mainID)
}

func (d *document) addRoot() {
	for _, dependency := range sorted(d.build.Root) {
		purl := dependencyURL(dependency, d.build.Request.Target)
		id := elementID("Root", purl)
		pkg := d.addPackage(id, dependency.Name, dependency.Version, purl)
		if dependency.SHA256 != "" {
			pkg.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: dependency.SHA256}}
		}
		d.relate(id, common.TypeRelationshipBuildDependencyOf, mainID)
	}
}

func (d *document) relate(from common.ElementID, kind string, to common.ElementID) {
	d.Relationships = append(d.Relationships, &spdx.Relationship{
		RefA:         common.DocElementID{ElementRefID: from},
		RefB:         common.DocElementID{ElementRefID: to},
		Relationship: kind,
	})
}

// elementID is an id for whatever name names: any name has a valid one, and the
// same one in every document.
func elementID(kind, name string) common.ElementID {
	return common.ElementID(fmt.Sprintf("%s-%x", kind, sha256.Sum256([]byte(name)))[:len(kind)+17])
}

// licenses are the SPDX identifiers that guest packages declare. Whatever else a
// package says is quoted, since an identifier that SPDX does not know is an error.
var licenses = []string{
	"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only",
	"GPL-3.0-or-later", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later", "MIT", "MPL-2.0", "Zlib",
}

// license is what a package declares, as an SPDX license expression.
func (d *document) license(declared string) string {
	if declared == "" || slices.Contains(licenses, declared) {
		return orNoAssertion(declared)
	}
	const quoted = "LicenseRef-declared"
	d.OtherLicenses = append(d.OtherLicenses, &spdx.OtherLicense{
		LicenseIdentifier: quoted, LicenseName: noAssertion, ExtractedText: declared,
	})
	return quoted
}

func orNoAssertion(s string) string {
	if s == "" {
		return noAssertion
	}
	return s
}

// encode names the document after the package's digest and the document's own,
// for the same package may have been built in two roots.
func (d *document) encode() ([]byte, error) {
	text, err := d.json()
	if err != nil {
		return nil, err
	}
	d.DocumentNamespace = fmt.Sprintf("https://slipway.dev/spdx/%s/%.16x", d.artifact.SHA256, sha256.Sum256(text))
	return d.json()
}

func (d *document) json() ([]byte, error) {
	var out bytes.Buffer
	err := spdxjson.Write(&d.Document, &out, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
	return out.Bytes(), err
}

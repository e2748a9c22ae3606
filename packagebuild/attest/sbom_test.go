package attest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

func TestSBOM(t *testing.T) {
	got, err := SBOM(sampleBuild(), sampleArtifact())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "sbom.spdx.json", got)
	checkClean(t, got)
	checkSPDX(t, got)
}

// buildAgent compiles a Go program that contains the module example.com/lib.
func buildAgent(t *testing.T) (dir string) {
	t.Helper()
	need.Tool(t, "go", "golang-go")
	dir = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":     "module example.com/agent\n\ngo 1.21\n\nrequire example.com/lib v1.2.3\n\nreplace example.com/lib => ./lib\n",
		"main.go":    "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Name) }\n",
		"lib/go.mod": "module example.com/lib\n\ngo 1.21\n",
		"lib/lib.go": "package lib\n\nconst Name = \"lib\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := exec.Run(t.Context(), exec.Cmd{Args: []string{"go", "build", "-o", "usr/bin/agent", "."}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// withContents is the sample with a Go program as its one file.
func withContents(t *testing.T) Artifact {
	t.Helper()
	dir := buildAgent(t)
	data, err := os.ReadFile(filepath.Join(dir, "usr/bin/agent"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	artifact := sampleArtifact()
	artifact.Contents = Unpacked(root)
	artifact.Files = []packagebuild.File{{
		Path: "/usr/bin/agent", Size: int64(len(data)), Mode: 0o100755, SHA256: fmt.Sprintf("%x", sha256.Sum256(data)),
	}}
	return artifact
}

func TestSBOMWithContents(t *testing.T) {
	text, err := SBOM(sampleBuild(), withContents(t))
	if err != nil {
		t.Fatal(err)
	}
	doc := checkSPDX(t, text)
	if main := doc.Packages[0]; !main.FilesAnalyzed || main.PackageVerificationCode == nil {
		t.Error("the package has no verification code, although every file was read")
	}
	for _, want := range []string{"pkg:golang/stdlib@", "pkg:golang/example.com/lib@v1.2.3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s among the packages", want)
		}
	}
}

func TestSBOMRefusesOtherContents(t *testing.T) {
	artifact := sampleArtifact()
	artifact.Files[1].Size = 3
	artifact.Contents = func(string) (io.ReaderAt, error) { return strings.NewReader("abc"), nil }
	_, err := SBOM(sampleBuild(), artifact)
	if err == nil || !strings.Contains(err.Error(), "/etc/hello & guest.conf") {
		t.Errorf("SBOM over other contents = %v, want an error that names the file", err)
	}
}

func TestSBOMNamespaceTellsRootsApart(t *testing.T) {
	other := sampleBuild()
	other.Root[0].Version = "2.36-9+deb12u14"
	one, two := namespace(t, sampleBuild()), namespace(t, other)
	if one == two {
		t.Errorf("two documents share the namespace %s", one)
	}
}

func namespace(t *testing.T, b Build) string {
	t.Helper()
	text, err := SBOM(b, sampleArtifact())
	if err != nil {
		t.Fatal(err)
	}
	return checkSPDX(t, text).DocumentNamespace
}

func TestSBOMLicense(t *testing.T) {
	for declared, want := range map[string]string{
		"":           "NOASSERTION",
		"Apache-2.0": "Apache-2.0",
		"ASL 2.0":    "LicenseRef-declared",
		"http://www.apache.org/licenses/LICENSE-2.0": "LicenseRef-declared",
	} {
		artifact := sampleArtifact()
		artifact.License = declared
		text, err := SBOM(sampleBuild(), artifact)
		if err != nil {
			t.Fatal(err)
		}
		doc := checkSPDX(t, text)
		if got := doc.Packages[0].PackageLicenseDeclared; got != want {
			t.Errorf("license %q is declared as %q, want %q", declared, got, want)
		}
		if want == "LicenseRef-declared" && (len(doc.OtherLicenses) != 1 || doc.OtherLicenses[0].ExtractedText != declared) {
			t.Errorf("license %q is not quoted: %v", declared, doc.OtherLicenses)
		}
	}
}

var (
	spdxID      = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	spdxCreated = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
)

// checkSPDX reads a document back and checks what SPDX 2.3 makes mandatory.
func checkSPDX(t *testing.T, text []byte) *spdx.Document {
	t.Helper()
	var doc spdx.Document
	if err := spdxjson.ReadInto(bytes.NewReader(text), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.DocumentName == "" ||
		!strings.HasPrefix(doc.DocumentNamespace, "https://") || strings.Contains(doc.DocumentNamespace, "#") ||
		len(doc.CreationInfo.Creators) == 0 || !spdxCreated.MatchString(doc.CreationInfo.Created) {
		t.Errorf("document header: %+v %+v", doc, doc.CreationInfo)
	}
	ids := map[common.ElementID]bool{doc.SPDXIdentifier: true}
	add := func(id common.ElementID) {
		if ids[id] || !spdxID.MatchString(string(id)) {
			t.Errorf("SPDX id %q is malformed or used twice", id)
		}
		ids[id] = true
	}
	for _, p := range doc.Packages {
		add(p.PackageSPDXIdentifier)
		if p.PackageName == "" || p.PackageDownloadLocation == "" || p.FilesAnalyzed != (p.PackageVerificationCode != nil) {
			t.Errorf("package: %+v", p)
		}
	}
	for _, f := range doc.Files {
		add(f.FileSPDXIdentifier)
		if !strings.HasPrefix(f.FileName, "./") || len(f.Checksums) == 0 || f.FileCopyrightText == "" {
			t.Errorf("file: %+v", f)
		}
	}
	checkRelationships(t, doc, ids)
	return &doc
}

func checkRelationships(t *testing.T, doc spdx.Document, ids map[common.ElementID]bool) {
	t.Helper()
	described := 0
	for _, r := range doc.Relationships {
		if !ids[r.RefA.ElementRefID] || !ids[r.RefB.ElementRefID] {
			t.Errorf("relationship %s between %v and %v: one is not in the document", r.Relationship, r.RefA, r.RefB)
		}
		if r.Relationship == common.TypeRelationshipDescribe {
			described++
		}
	}
	if described != 1 {
		t.Errorf("the document describes %d packages, want 1", described)
	}
}

func TestCompiled(t *testing.T) {
	fork := &debug.Module{Path: "example.com/fork", Version: "v2.0.0"}
	for _, test := range []struct {
		name    string
		replace *debug.Module
		want    string
	}{
		{"as required", nil, "example.com/lib"},
		{"a fork", fork, "example.com/fork"},
		{"a folder", &debug.Module{Path: "../lib"}, "example.com/lib"},
		{"a folder, as Go 1.24 and newer write it", &debug.Module{Path: "../lib", Version: "(devel)"}, "example.com/lib"},
	} {
		if got := compiled(&debug.Module{Path: "example.com/lib", Version: "v1.0.0", Replace: test.replace}); got.Path != test.want {
			t.Errorf("%s: %s, want %s", test.name, got.Path, test.want)
		}
	}
}

package goo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

// made is a hand-made package: headers with their contents.
type made []struct {
	tar.Header
	content string
}

func (m made) bytes(t testing.TB) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	w := tar.NewWriter(zip)
	for _, e := range m {
		e.Size = int64(len(e.content))
		check(t, w.WriteHeader(&e.Header))
		_, err := w.Write([]byte(e.content))
		check(t, err)
	}
	check(t, w.Close())
	check(t, zip.Close())
	return buffer.Bytes()
}

const goodSpec = `{"Name": "hello", "Version": "1.2.3", "Arch": "noarch"}`

func TestInspect(t *testing.T) {
	req := files{specPath: minimal, "hello.exe": "MZ"}.request(t)
	check(t, os.Chmod(filepath.Join(req.Source.Dir, "hello.exe"), 0o755))
	path := mustBuild(t, req, nil)
	got, err := New().Inspect(path)
	check(t, err)
	want := packagebuild.Package{
		Path: path, Format: "goo", Name: "hello", Version: "20261121.00.0@1", Arch: "x86_64", Vcs: commitURL,
		Files: []packagebuild.File{
			{Path: "/hello.exe", Mode: 0o100755},
			{Path: "/hello.pkgspec", Mode: 0o100644},
		},
	}
	_, contents := entries(t, path)
	for i, name := range []string{"hello.exe", "hello.pkgspec"} {
		want.Files[i].Size = int64(len(contents[name]))
		want.Files[i].SHA256 = sha256Of(contents[name])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	check(t, New().Verify(req, got))
}

func sha256Of(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func TestInspectTakesWhatGoopackMakes(t *testing.T) {
	_, list, err := read(bytes.NewReader(made{
		{tar.Header{Name: "folder/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "./LICENSE", Mode: 0o640, Uname: "builder"}, "x"},
		{tar.Header{Name: "LICENSE"}, "x"}, // included twice
		{tar.Header{Name: "hello.pkgspec"}, goodSpec},
	}.bytes(t)))
	check(t, err)
	var got []string
	for _, f := range list {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"/folder", "/LICENSE", "/LICENSE", "/hello.pkgspec"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestInspectRefuses(t *testing.T) {
	spec := made{{tar.Header{Name: "hello.pkgspec"}, goodSpec}}
	whole := spec.bytes(t)
	with := func(h tar.Header, content string) []byte {
		return append(made{{h, content}}, spec...).bytes(t)
	}
	for name, row := range map[string]struct {
		bytes []byte
		want  []string
	}{
		"no gzip":           {[]byte("hello, this is text"), []string{"gzip: invalid header"}},
		"nothing":           {nil, []string{"EOF"}},
		"truncated":         {whole[:len(whole)-4], []string{"unexpected EOF"}},
		"truncated earlier": {whole[:len(whole)/2], []string{"unexpected EOF"}},
		"climbs":            {with(tar.Header{Name: "a/../../x"}, ""), []string{`entry "a/../../x" leads out of the package with ..`}},
		"climbs on Windows": {with(tar.Header{Name: `a\..\..\x`}, ""), []string{"leads out of the package"}},
		"climbs as folder":  {with(tar.Header{Name: "../", Typeflag: tar.TypeDir}, ""), []string{`entry "../" leads out`}},
		"absolute":          {with(tar.Header{Name: "/etc/passwd"}, ""), []string{`entry "/etc/passwd" is absolute`}},
		"drive":             {with(tar.Header{Name: `C:\x`}, ""), []string{"is absolute"}},
		"link":              {with(tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, ""), []string{`entry "x" is neither file nor folder`}},
		"no specification":  {made{{tar.Header{Name: "x"}, ""}}.bytes(t), []string{"no *.pkgspec"}},
		"two":               {with(tar.Header{Name: "a/other.pkgspec"}, goodSpec), []string{`"/a/other.pkgspec" and "/hello.pkgspec" are both specifications`}},
		"not JSON":          {made{{tar.Header{Name: "x.pkgspec"}, "{"}}.bytes(t), []string{"/x.pkgspec:1:1: unexpected end of JSON input"}},
		"not valid":         {made{{tar.Header{Name: "x.pkgspec"}, "{}"}}.bytes(t), []string{`entry "/x.pkgspec": name is missing`}},
		"too big":           {made{{tar.Header{Name: "x.pkgspec"}, strings.Repeat(" ", maxSpec+1)}}.bytes(t), []string{"1048577 bytes; a specification may have 1048576"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hello.goo")
			check(t, os.WriteFile(path, row.bytes, 0o644))
			_, err := New().Inspect(path)
			wantError(t, err, append(row.want, "inspect "+path)...)
		})
	}
	_, err := New().Inspect(filepath.Join(t.TempDir(), "none.goo"))
	wantError(t, err, "none.goo", "no such file")
}

func TestVerifyRefuses(t *testing.T) {
	req := files{specPath: minimal, "hello.exe": "MZ"}.request(t)
	good, err := New().Inspect(mustBuild(t, req, nil))
	check(t, err)
	for name, row := range map[string]struct {
		change func(*packagebuild.Package)
		want   string
	}{
		"format":    {func(p *packagebuild.Package) { p.Format = "deb" }, "it is a deb package, not goo"},
		"file name": {func(p *packagebuild.Package) { p.Path = "/x/hello.goo" }, "no goospec makes a file of this name; they make hello.x86_64.20261121.00.0@1.goo"},
		"name":      {func(p *packagebuild.Package) { p.Name = "other" }, "its name is other, but " + specPath + " says hello"},
		"version":   {func(p *packagebuild.Package) { p.Version = "20261121.01.0@1" }, "its version is 20261121.01.0@1, but " + specPath + " says 20261121.00.0@1"},
		"arch":      {func(p *packagebuild.Package) { p.Arch = "arm64" }, "its arch is arm64, but " + specPath + " says x86_64"},
		"stamp":     {func(p *packagebuild.Package) { p.Vcs = "https://example.com/other" }, "does not end in " + commit},
		"no stamp":  {func(p *packagebuild.Package) { p.Vcs = "" }, `its commit stamp "" does not end`},
	} {
		t.Run(name, func(t *testing.T) {
			pkg := good
			row.change(&pkg)
			wantError(t, New().Verify(req, pkg), "verify "+pkg.Path, row.want)
		})
	}
	other := req
	other.Version = "20261121.01"
	wantError(t, New().Verify(other, good), "no goospec makes a file of this name")
	other = req
	other.Target.Arch = "arm64"
	wantError(t, New().Verify(other, good), "no goospec fits")
}

func FuzzInspect(f *testing.F) {
	f.Add(made{{tar.Header{Name: "hello.exe"}, "MZ"}, {tar.Header{Name: "hello.pkgspec"}, goodSpec}}.bytes(f))
	f.Add(made{{tar.Header{Name: "../x", Typeflag: tar.TypeLink, Linkname: "y"}, ""}}.bytes(f))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		if raw := new(bytes.Buffer); len(data) > 0 && data[0] != 0x1f {
			zip := gzip.NewWriter(raw) // let the fuzzer reach the archive without making a checksum
			_, _ = zip.Write(data)
			_ = zip.Close()
			data = raw.Bytes()
		}
		spec, list, err := read(bytes.NewReader(data))
		if err != nil {
			return
		}
		check(t, spec.validate())
		for _, f := range list {
			if !filepath.IsLocal(f.Path[1:]) {
				t.Errorf("entry %q leads out", f.Path)
			}
		}
	})
}

package goo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSpec(t *testing.T) {
	text := `{{$full := printf "%s.0@1" .version -}}
{
  "NAME": "hello", "Version": "{{$full}}", "arch": "noarch", "unknown": {{if .absent}}1{{else}}2{{end}},
  "install": {"path": "./a/..//b/../install.ps1", "exitCodes": [3010]},
  "uninstall": {"path": "../../uninstall.ps1"},
  "tags": {"team": "Z3Vlc3Q="},
  "pkgDependencies": {"other": "1.2.3@4"},
  "sources": [{"include": ["**"], "root": "out"}],
  "build": {"linux": "make.sh", "linuxARGS": ["{{.version}}", "{{.absent}}"]}
}`
	got, err := ParseSpec("x.goospec", []byte(text), "20261121.00")
	check(t, err)
	want := &Spec{
		Path:    "x.goospec",
		Build:   Build{Linux: "make.sh", LinuxArgs: []string{"20261121.00", ""}},
		Sources: []Sources{{Include: []string{"**"}, Root: "out"}},
		Package: PkgSpec{
			Name: "hello", Version: "20261121.00.0@1", Arch: "noarch",
			Tags:            map[string][]byte{"team": []byte("guest")},
			PkgDependencies: map[string]string{"other": "1.2.3@4"},
			Install:         ExecFile{Path: "install.ps1", ExitCodes: []int{3010}},
			Uninstall:       ExecFile{Path: "uninstall.ps1"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPresubmitVersionMayGetMoreBuildMetadata(t *testing.T) {
	text := []byte(`{"name": "hello", "version": "{{.version}}.0+win@1", "arch": "noarch"}`)
	spec, err := ParseSpec("x.goospec", text, "0.0.12+abcdef0")
	check(t, err)
	if got, want := spec.Package.Version, "0.0.12+abcdef0.0.win@1"; got != want {
		t.Errorf("version is %s, want %s", got, want)
	}
	_, err = ParseSpec("x.goospec", []byte(`{"name": "hello", "version": "1+a+b", "arch": "noarch"}`), "1+c")
	wantError(t, err, "x.goospec", "1+a+b") // a goospec's own mistake is not mended
}

// TestBadSpecs compares whole errors, for people read them.
func TestBadSpecs(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"JSON": {"{\n\t\"name\": \"a\" \"b\"\n}",
			"x.goospec:2:14: invalid character '\"' after object key:value pair\n\t\t\"name\": \"a\" \"b\"\n\t\t            ^"},
		"JSON that the template moved": {"{{$v := 1 -}}\n{\"name\": x}",
			"x.goospec, as its template fills it in:1:10: invalid character 'x' looking for beginning of value\n\t{\"name\": x}\n\t         ^"},
		"JSON of another kind": {"{\n  \"arch\": 3\n}",
			"x.goospec:2:11: Arch is number, but must be string\n\t  \"arch\": 3\n\t          ^"},
		"JSON that is a list": {"[]", "x.goospec:1:1: the whole is array, but must be object\n\t[]\n\t^"},
		"empty":               {"", "x.goospec:1:1: unexpected end of JSON input"},
		"template": {"{\n \"name\": \"{{.version}\"",
			"x.goospec:2:11: bad character U+007D '}'\n\t \"name\": \"{{.version}\"\n\t          ^"},
		"template function": {"{\n\"version\": \"{{index 3 4}}\"}",
			"x.goospec:2:15: <index 3 4>: error calling index: can't index item of type int\n\t\"version\": \"{{index 3 4}}\"}\n\t              ^"},
		"template loop":        {"{{if 1}}{{range 9}}{{end}}{{end}}", "x.goospec:1:17: a goospec may not use {{range 9}}{{end}}\n\t{{if 1}}{{range 9}}{{end}}{{end}}\n\t                ^"},
		"template with itself": {`{{define "a"}}{{template "a"}}{{end}}{{with 1}}{{else}}{{template "a"}}{{end}}`, "x.goospec:1:67: a goospec may not use {{template \"a\"}}\n\t{{define \"a\"}}{{template \"a\"}}{{end}}{{with 1}}{{else}}{{template \"a\"}}{{end}}\n\t                                                                  ^"},
		"template of too much": {strings.Repeat(`{{printf "%100000d" 1}}`, 11), "fill in the template of x.goospec: the text that the template makes is over 1048576 bytes"},
		"too big":              {strings.Repeat(" ", maxSpec+1), "x.goospec has 1048577 bytes; a goospec may have 1048576"},
		"tag that is no base64": {`{"tags": {"a": "???"}}`,
			"parse x.goospec: a tag's value must be base64: illegal base64 data at input byte 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSpec("x.goospec", []byte(row.text), "1")
			wantError(t, err, row.want)
			if err.Error() != row.want {
				t.Errorf("got  %q\nwant %q", err, row.want)
			}
		})
	}
}

func TestSpecsThatGoogetRefuses(t *testing.T) {
	elevenTags := map[string][]byte{}
	for _, name := range strings.Split("abcdefghijk", "") {
		elevenTags[name] = nil
	}
	for name, row := range map[string]struct {
		change func(*PkgSpec, *Sources)
		want   string
	}{
		"no name":              {func(p *PkgSpec, _ *Sources) { p.Name = "" }, "name is missing"},
		"name with a folder":   {func(p *PkgSpec, _ *Sources) { p.Name = "../x" }, `name "../x" must match`},
		"arch":                 {func(p *PkgSpec, _ *Sources) { p.Arch = "amd64" }, `arch "amd64" is none of noarch, x86_64`},
		"no version":           {func(p *PkgSpec, _ *Sources) { p.Version = "" }, "version is missing"},
		"version":              {func(p *PkgSpec, _ *Sources) { p.Version = "1.2.3:4d" }, `parse version "1.2.3:4d"`},
		"tags":                 {func(p *PkgSpec, _ *Sources) { p.Tags = elevenTags }, "11 tags are too many; googet takes 10"},
		"tag name":             {func(p *PkgSpec, _ *Sources) { p.Tags = map[string][]byte{strings.Repeat("x", 128): nil} }, "128 bytes"},
		"tag value":            {func(p *PkgSpec, _ *Sources) { p.Tags = map[string][]byte{"x": make([]byte, 10241)} }, `tag "x" holds 10241 bytes`},
		"dependency":           {func(p *PkgSpec, _ *Sources) { p.PkgDependencies = map[string]string{"x": "1.2.3h"} }, `pkgDependencies x: parse version "1.2.3h"`},
		"file":                 {func(p *PkgSpec, _ *Sources) { p.Files = map[string]string{"/x": "y"} }, `"/x" is an absolute path`},
		"file on Windows":      {func(p *PkgSpec, _ *Sources) { p.Files = map[string]string{`c:\x`: "y"} }, `is an absolute path`},
		"install":              {func(p *PkgSpec, _ *Sources) { p.Install.Path = "/usr/bin/sudo" }, `"/usr/bin/sudo" is an absolute path`},
		"uninstall on Windows": {func(p *PkgSpec, _ *Sources) { p.Uninstall.Path = `\\host\x` }, "is an absolute path"},
		"verify":               {func(p *PkgSpec, _ *Sources) { p.Verify.Path = "/x" }, `"/x" is an absolute path`},
		"include":              {func(_ *PkgSpec, s *Sources) { s.Include = []string{"../x"} }, `sources 1: "../x" leads out with ..`},
		"include, hidden":      {func(_ *PkgSpec, s *Sources) { s.Include = []string{"a/../../x"} }, `"a/../../x" leads out`},
		"exclude":              {func(_ *PkgSpec, s *Sources) { s.Exclude = []string{"../x"} }, `"../x" leads out`},
		"root":                 {func(_ *PkgSpec, s *Sources) { s.Root = "../x" }, `"../x" leads out`},
		"target":               {func(_ *PkgSpec, s *Sources) { s.Target = "x/.." }, `"x/.." leads out`},
		"root, absolute":       {func(_ *PkgSpec, s *Sources) { s.Root = "/etc" }, `"/etc" is an absolute path`},
		"target, absolute":     {func(_ *PkgSpec, s *Sources) { s.Target = "/etc" }, `"/etc" is an absolute path`},
		"pattern":              {func(_ *PkgSpec, s *Sources) { s.Include = []string{"a/***"} }, `pattern "a/***" has three stars`},
		"pattern to exclude":   {func(_ *PkgSpec, s *Sources) { s.Exclude = []string{"****"} }, `has three stars`},
	} {
		t.Run(name, func(t *testing.T) {
			spec := struct {
				*PkgSpec
				Sources []*Sources
			}{&PkgSpec{Name: "hello", Arch: "noarch", Version: "1.2.3@4"}, []*Sources{{}}}
			row.change(spec.PkgSpec, spec.Sources[0])
			text, err := json.Marshal(spec)
			check(t, err)
			_, err = ParseSpec("packaging/googet/x.goospec", text, "1")
			wantError(t, err, "packaging/googet/x.goospec: ", row.want)
		})
	}
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte(minimal), "20261121.00")
	f.Add([]byte(`{{define "goospec"}}{{end}}`), "1")
	shapes, err := filepath.Glob("testdata/shapes/*.goospec")
	check(f, err)
	for _, name := range shapes {
		text, err := os.ReadFile(name)
		check(f, err)
		f.Add(text, "0.0.12+abcdef0")
	}
	f.Fuzz(func(t *testing.T, text []byte, version string) {
		spec, err := ParseSpec("x.goospec", text, version)
		if err != nil {
			if !strings.Contains(err.Error(), "x.goospec") {
				t.Errorf("error does not name the file: %v", err)
			}
			return
		}
		if name := spec.Package.FileName(); name != filepath.Base(name) {
			t.Errorf("file name %q has a folder", name)
		}
		again, err := json.Marshal(spec.Package)
		check(t, err)
		other, err := ParseSpec("x.goospec", []byte(strings.ReplaceAll(string(again), "{{", `{{"{{"}}`)), version)
		check(t, err)
		if diff := cmp.Diff(spec.Package, other.Package); diff != "" {
			t.Errorf("what is written is not what is read back (-wrote +read):\n%s", diff)
		}
	})
}

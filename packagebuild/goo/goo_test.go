package goo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

const specPath = "packaging/googet/hello.goospec"

func TestPlan(t *testing.T) {
	req := files{
		specPath: strings.Replace(minimal, "{", `{"build": {"linux": "../../make.sh", "linuxArgs": ["{{.version}}"]}, `, 1),
		"packaging/googet/another.goospec": `{"name": "a", "version": "{{.version}}", "arch": "noarch",
			"build": {"linux": "/bin/bash", "linuxArgs": ["-c", "make"]}}`,
		"packaging/googet/plain.goospec":    `{"name": "plain", "version": "{{.version}}", "arch": "x86_32"}`,
		"packaging/googet/risc.goospec":     `{"name": "risc", "version": "{{.version}}", "arch": "arm64"}`,
		"packaging/googet/notes.txt":        "",
		"packaging/googet/deeper/x.goospec": "not read",
		"go.mod":                            "module example.com/guest\n",
	}.request(t)
	req.Target.TargetVersion = "11"
	got, err := New().Plan(req)
	check(t, err)
	env := map[string]string{"VERSION": "20261121.00", "RELEASE": "g1", "TARGET_VERSION": "11"}
	want := packagebuild.Plan{
		Go: true,
		Steps: []packagebuild.Step{
			{Name: "build a", Args: []string{"/bin/bash", "-c", "make"}, Dir: "/build/src", Env: env},
			{Name: "build hello", Args: []string{"/build/src/make.sh", "20261121.00"}, Dir: "/build/src", Env: env},
		},
		Notes: []string{
			"packaging/googet/risc.goospec is left out: arm64 is not for amd64",
			"packaging/googet/plain.goospec has no build.linux; its sources are packaged as they are",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanBelowABuildDir(t *testing.T) {
	req := files{"agents/" + specPath: strings.Replace(minimal, "{", `{"build": {"linux": "make.sh"}, `, 1)}.request(t)
	req.Source.BuildDir = "agents/"
	req.Source.Extra = files{"go.mod": ""}.source(t)
	req.Source.Extra.Repository = "https://example.com/plugins.git"
	req.Version = "0~pr12.abcdef0"
	plan, err := New().Plan(req)
	check(t, err)
	want := packagebuild.Plan{Go: true, Steps: []packagebuild.Step{{
		Name: "build hello",
		Args: []string{"/build/src/agents/packaging/googet/make.sh"},
		Dir:  "/build/src/agents",
		Env:  map[string]string{"VERSION": "0.0.12+abcdef0", "RELEASE": "g1", "TARGET_VERSION": "", "EXTRA_SOURCE": "/build/plugins"},
	}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanRefuses(t *testing.T) {
	vcs := func(tags string) string { return strings.Replace(minimal, "{", `{"tags": {`+tags+`}, `, 1) }
	for name, row := range map[string]struct {
		tree files
		want []string
	}{
		"no packaging":       {files{"README": ""}, []string{"no packaging", "packaging/googet/*.goospec", "--build-dir"}},
		"no goospec":         {files{"packaging/googet/x.txt": ""}, []string{"packaging/googet/*.goospec"}},
		"not JSON":           {files{specPath: `{"name": }`}, []string{specPath + ":1:10: invalid character"}},
		"each that is wrong": {files{specPath: "{", "packaging/googet/other.goospec": "{{"}, []string{specPath + ":1:1: ", "other.goospec:1:1: "}},
		"a folder":           {files{specPath + "/": ""}, []string{specPath + " is a folder, not a file"}},
		"same file name": {files{specPath: minimal, "packaging/googet/other.goospec": strings.Replace(minimal, "hello", "HELLO", 1)},
			[]string{specPath + " and packaging/googet/other.goospec would both write", "20261121.00.0@1.goo"}},
		"another version": {files{specPath: strings.Replace(minimal, "{{.version}}.0@1", "1.2.3", 1)},
			[]string{specPath, `version "1.2.3" does not hold 20261121.00`, `write "version": "{{.version}}.0@1"`}},
		"unfit":           {files{specPath: strings.Replace(minimal, "x86_64", "arm64", 1)}, []string{"no goospec fits target goo", "arm64 is not for amd64"}},
		"tag is taken":    {files{specPath: vcs(`"vcs": "bWluZQ=="`)}, []string{specPath, `tag "vcs" is taken by "mine"; rename it`}},
		"tags are full":   {files{specPath: vcs(`"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":""`)}, []string{specPath, "10 tags leave no room for the commit's URL", "remove one"}},
		"source above it": {files{specPath: strings.Replace(minimal, `"hello.exe"]`, `"../hello.exe"]`, 1)}, []string{specPath, `"../hello.exe" leads out`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New().Plan(row.tree.request(t))
			wantError(t, err, row.want...)
		})
	}
}

func TestPlanWithoutPackagingCanBeTold(t *testing.T) {
	_, err := New().Plan(files{}.request(t))
	if !errors.Is(err, packagebuild.ErrNoPackaging) {
		t.Errorf("got %v", err)
	}
}

func TestGoospecOutsideOfTheRepositoryIsNotRead(t *testing.T) {
	req := files{"packaging/googet/": ""}.request(t)
	check(t, os.Symlink("/etc/passwd", filepath.Join(req.Source.Dir, specPath)))
	_, err := New().Plan(req)
	wantError(t, err, specPath, "escapes")
}

func TestExtraSourceNeedsAPlaceOfItsOwn(t *testing.T) {
	for _, name := range []string{"src", "home", "..", "."} {
		req := files{specPath: minimal}.request(t)
		req.Source.Extra = &packagebuild.Source{Dir: t.TempDir(), Repository: "https://example.com/" + name}
		_, err := New().Plan(req)
		wantError(t, err, "extra source", name)
		wantError(t, New().Stage(req, packagebuild.Plan{}, t.TempDir()), "extra source", name)
	}
}

func TestStage(t *testing.T) {
	req := files{"agents/make.sh": "#!/bin/sh\n", "agents/x.txt": "", ".git/HEAD": "", "sub/.git": ""}.request(t)
	check(t, os.Symlink("x.txt", filepath.Join(req.Source.Dir, "agents/link")))
	req.Source.BuildDir = "agents"
	req.Source.Extra = files{"plugin.txt": "", ".git/HEAD": ""}.source(t)
	req.Source.Extra.Repository = "https://example.com/plugins"
	dir := t.TempDir()
	check(t, New().Stage(req, packagebuild.Plan{}, dir))

	got := map[string]string{}
	check(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && !info.IsDir() {
			got[rel] = info.Mode().String()
			if !info.ModTime().Equal(req.Source.Time) {
				t.Errorf("%s has time %v, want the commit's", rel, info.ModTime())
			}
		}
		return err
	}))
	want := map[string]string{
		"src/agents/make.sh": "-rwxr-xr-x", "src/agents/x.txt": "-rw-r--r--", "src/agents/link": "Lrwxrwxrwx", "plugins/plugin.txt": "-rw-r--r--",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

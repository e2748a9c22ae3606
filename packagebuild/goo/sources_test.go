package goo

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/packagebuild"
)

// pick gathers what sources name in a tree, as name in the package ← file.
func pick(t *testing.T, dir string, spec Spec) (map[string]string, error) {
	t.Helper()
	spec.Path = "packaging/googet/hello.goospec"
	built, err := openSource(packagebuild.Source{Dir: dir})
	check(t, err)
	defer built.Close()
	list, err := gather(built, &spec)
	picked := map[string]string{}
	for _, f := range list {
		picked[f.name] = f.source
	}
	return picked, err
}

var smallTree = files{
	"LICENSE": "", "hello.exe": "", "hello.pdb": "", ".hidden": "",
	"licenses/a/LICENSE": "", "licenses/b/LICENSE": "", "licenses/b/NOTICE": "",
	"out/bin/hello.exe": "", "out/doc/hello.txt": "", "empty/": "",
}

func TestGather(t *testing.T) {
	dir := t.TempDir()
	smallTree.write(t, dir)
	for name, row := range map[string]struct {
		sources []Sources
		want    map[string]string
	}{
		"one file":       {[]Sources{{Include: []string{"hello.exe"}}}, map[string]string{"hello.exe": "hello.exe"}},
		"a leading /":    {[]Sources{{Include: []string{"/hello.exe"}}}, map[string]string{"hello.exe": "hello.exe"}},
		"stars at top":   {[]Sources{{Include: []string{"hello.*"}}}, map[string]string{"hello.exe": "hello.exe", "hello.pdb": "hello.pdb"}},
		"dot files too":  {[]Sources{{Include: []string{".h*"}}}, map[string]string{".hidden": ".hidden"}},
		"empty folder":   {[]Sources{{Include: []string{"empty/**"}}}, map[string]string{}},
		"matches none":   {[]Sources{{Include: []string{"out/*"}}}, map[string]string{}},
		"twice the same": {[]Sources{{Include: []string{"LICENSE", "LIC*"}}, {Include: []string{"LICENSE"}}}, map[string]string{"LICENSE": "LICENSE"}},
		"exclude": {[]Sources{{Include: []string{"licenses/**"}, Exclude: []string{"**/NOTICE", "licenses/a/**"}}},
			map[string]string{"licenses/b/LICENSE": "licenses/b/LICENSE"}},
		"exclude spares names": {[]Sources{{Include: []string{"hello.exe"}, Exclude: []string{"**"}}}, map[string]string{"hello.exe": "hello.exe"}},
		"root and target": {[]Sources{{Include: []string{"**"}, Exclude: []string{"doc/**"}, Root: "out", Target: "program"}},
			map[string]string{"program/bin/hello.exe": "out/bin/hello.exe"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pick(t, dir, Spec{Sources: row.sources})
			check(t, err)
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFolderInFilesIsPresentByWhatIsInIt(t *testing.T) {
	dir := t.TempDir()
	smallTree.write(t, dir)
	_, err := pick(t, dir, Spec{
		Sources: []Sources{{Include: []string{"licenses/**"}}},
		Package: PkgSpec{Files: map[string]string{"licenses": "<X>", "licenses/b": "<Y>", "licenses/b/NOTICE": "<Z>"}},
	})
	check(t, err)
}

func TestGatherNamesAllThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	smallTree.write(t, dir)
	_, err := pick(t, dir, Spec{
		Sources: []Sources{{Include: []string{"hello.exe", "gone.exe", "gone/**", "hello.pdb/x"}}},
		Package: PkgSpec{
			Files:     map[string]string{"gone.exe": "<X>", "LICENSE": "<X>", "hello.exe": "<X>", "licenses/": "<X>"},
			Install:   ExecFile{Path: "install.ps1"},
			Uninstall: ExecFile{Path: `HELLO.exe`}, // Windows does not mind
			Verify:    ExecFile{Path: "verify.ps1"},
		},
	})
	wantError(t, err)
	want := `packaging/googet/hello.goospec names what is not there:
	LICENSE (files: none of the sources puts it into the package)
	gone.exe (sources)
	gone/** (sources: there is no such folder)
	hello.pdb/x (sources)
	install.ps1 (install: none of the sources puts it into the package)
	licenses/ (files: none of the sources puts it into the package)
	verify.ps1 (verify: none of the sources puts it into the package)
add the files, have build.linux make them, or take them out of the goospec`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGatherRefuses(t *testing.T) {
	dir := t.TempDir()
	smallTree.write(t, dir)
	files{"x/hello.pkgspec": "", "twin/LICENSE": ""}.write(t, dir)
	check(t, os.Symlink("/etc/passwd", filepath.Join(dir, "passwd")))
	check(t, os.Symlink("/etc", filepath.Join(dir, "etc")))
	check(t, os.Symlink("../../../../../../etc/passwd", filepath.Join(dir, "climb")))
	check(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	check(t, err)
	defer listener.Close()
	for name, row := range map[string]struct {
		sources []Sources
		want    []string
	}{
		"folder":              {[]Sources{{Include: []string{"licenses"}}}, []string{"licenses is a folder; write licenses/**"}},
		"nothing":             {[]Sources{{Include: []string{""}}}, []string{`entry "." has no name`}},
		"link out":            {[]Sources{{Include: []string{"passwd"}}}, []string{"passwd", "escapes", "only files of its repository"}},
		"link up":             {[]Sources{{Include: []string{"climb"}}}, []string{"climb", "escapes"}},
		"link out, by star":   {[]Sources{{Include: []string{"pass*"}}}, []string{"passwd", "escapes"}},
		"below a link":        {[]Sources{{Include: []string{"etc/passwd"}}}, []string{"etc", "escapes"}},
		"below a link, stars": {[]Sources{{Include: []string{"etc/**"}}}, []string{"look for etc/**", "escapes"}},
		"folder link by star": {[]Sources{{Include: []string{"e*"}}}, []string{"etc", "escapes"}},
		"pipe":                {[]Sources{{Include: []string{"pipe"}}}, []string{"pipe is a named pipe, which no package can hold; exclude it"}},
		"socket":              {[]Sources{{Include: []string{"so*"}}}, []string{"socket is a socket"}},
		"specification":       {[]Sources{{Include: []string{"x/**"}}}, []string{"x/hello.pkgspec: googet would take it for"}},
		"one place for two": {[]Sources{{Include: []string{"LICENSE"}}, {Include: []string{"*"}, Root: "twin"}},
			[]string{"LICENSE and twin/LICENSE would both be LICENSE in the package"}},
		"in no folder": {[]Sources{{Include: []string{"hello.exe/**"}}}, []string{"look for hello.exe/**: hello.exe is no folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pick(t, dir, Spec{Sources: row.sources})
			if err == nil {
				t.Fatalf("picked %v", got)
			}
			wantError(t, err, append(row.want, "packaging/googet/hello.goospec: ")...)
		})
	}
}

// TestWalkFollowsLinksInsideTheTree: a link to a folder of the tree is walked, but not
// one that leads back up, and what is not wanted may be broken.
func TestWalkFollowsLinksInsideTheTree(t *testing.T) {
	dir := t.TempDir()
	files{"real/a.txt": "", "real/sub/b.txt": "", "top.txt": ""}.write(t, dir)
	for link, to := range map[string]string{
		"linked": "real", "real/back": "..", "real/sub/self": ".", "file.txt": "real/a.txt", "broken": "nowhere", "out": "/etc",
	} {
		check(t, os.Symlink(to, filepath.Join(dir, link)))
	}
	got, err := pick(t, dir, Spec{Sources: []Sources{{Include: []string{"**.txt"}, Exclude: []string{"real/back/**", "linked/back/**"}}}})
	check(t, err)
	want := map[string]string{}
	for _, name := range []string{"file.txt", "top.txt", "real/a.txt", "real/sub/b.txt", "linked/a.txt", "linked/sub/b.txt"} {
		want[name] = name
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = pick(t, dir, Spec{Sources: []Sources{{Include: []string{"real/back"}}}})
	wantError(t, err, "real/back is a folder")
}

func TestBuiltTreeMayNotBeALinkOut(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Symlink("/etc", filepath.Join(dir, "src")))
	_, err := openBuilt(packagebuild.Source{}, dir)
	wantError(t, err, "open built tree", "escapes")
}

package goo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/testkit/need"
)

func TestPackageOfASmallTree(t *testing.T) {
	long := "licenses/" + strings.Repeat("long/", 60) + "LICENSE"
	req := files{
		specPath: `{
			"name": "hello", "version": "{{.version}}.0@1", "arch": "x86_64", "description": "Says <hello>",
			"tags": {"team": "Z3Vlc3Q="}, "releaseNotes": ["1.0.0 - First."],
			"files": {"bin/run.sh": "<ProgramFiles>/Hello/run.sh", "licenses": "<ProgramFiles>/Hello/licenses/"},
			"install": {"path": "packaging/googet/install.ps1", "args": ["-Quiet"], "exitCodes": [3010]},
			"sources": [
				{"include": ["run.sh", "umlaut-ä"], "root": "", "target": "bin"},
				{"include": ["licenses/**", "packaging/googet/*.ps1"]}
			]}`,
		"run.sh": "#!/bin/sh\necho hello\n", "umlaut-ä": "PAX", "packaging/googet/install.ps1": "Write-Host hello\n",
		"licenses/z": "z", "licenses/a/LICENSE": "a", long: "a path too long for USTAR",
	}.request(t)
	headers, contents := entries(t, mustBuild(t, req, nil))
	var dump strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&dump, "%s %v mode %o size %d time %d owner %d:%d %q:%q type %c\n",
			h.Name, h.Format, h.Mode, h.Size, h.ModTime.Unix(), h.Uid, h.Gid, h.Uname, h.Gname, h.Typeflag)
	}
	golden(t, "small.golden", dump.String()+"\n"+contents["hello.pkgspec"]+"\n")
}

// TestSameTreeMakesSameBytes packages a tree again with other times, modes, order and umask.
func TestSameTreeMakesSameBytes(t *testing.T) {
	tree := files{specPath: strings.Replace(minimal, `"hello.exe"]`, `"hello.exe", "data/**"]`, 1), "hello.exe": "MZ", "data/run.sh": "#!/bin/sh\n"}
	for i := range 20 {
		tree[fmt.Sprintf("data/%02d/%d", i%7, i)] = strings.Repeat("x", i*1000)
	}
	req := tree.request(t)
	want, err := os.ReadFile(mustBuild(t, req, nil))
	check(t, err)

	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	other := tree.request(t)
	got, err := os.ReadFile(mustBuild(t, other, func(built string) {
		for name := range tree { // in another order each time
			path := filepath.Join(built, name)
			when := time.Unix(int64(len(name))*1e6, 0)
			check(t, os.Chtimes(path, when, when))
			info, err := os.Stat(path)
			check(t, err)
			check(t, os.Chmod(path, info.Mode()&0o700))
		}
	}))
	check(t, err)
	if !bytes.Equal(want, got) {
		t.Errorf("%d and %d bytes differ", len(want), len(got))
	}
	if !bytes.Equal(want[4:9], make([]byte, 5)) || want[3] != 0 {
		t.Errorf("gzip header %x holds a time or a name", want[:10])
	}
}

func TestPackageIsReadableByOthers(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	info, err := os.Stat(mustBuild(t, files{specPath: minimal, "hello.exe": ""}.request(t), nil))
	check(t, err)
	if info.Mode() != 0o644 {
		t.Errorf("mode is %v", info.Mode())
	}
}

func TestPlainFolderHasNoStampAndNoTime(t *testing.T) {
	req := files{specPath: minimal, "hello.exe": ""}.request(t)
	req.Source.Commit, req.Source.CommitURL, req.Source.Time = "", "", time.Time{}
	path := mustBuild(t, req, nil)
	pkg, err := New().Inspect(path)
	check(t, err)
	if pkg.Vcs != "" {
		t.Errorf("stamp is %q", pkg.Vcs)
	}
	check(t, New().Verify(req, pkg))
	headers, _ := entries(t, path)
	for _, h := range headers {
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s has time %v", h.Name, h.ModTime)
		}
	}
}

// TestFailureLeavesNothing breaks the second of two packages after the first was written.
func TestFailureLeavesNothing(t *testing.T) {
	tree := files{
		specPath:                         minimal,
		"packaging/googet/later.goospec": strings.ReplaceAll(minimal, "hello", "later"),
		"hello.exe":                      "MZ", "later.exe": "MZ",
	}
	for name, row := range map[string]struct {
		tamper func(built string)
		want   []string
	}{
		"gone":      {func(built string) { check(t, os.Remove(filepath.Join(built, "later.exe"))) }, []string{"packaging/googet/later.goospec", "later.exe (sources)"}},
		"link out":  {func(built string) { relink(t, built, "/etc/passwd", "later.exe") }, []string{"packaging/googet/later.goospec", "later.exe", "escapes"}},
		"no tree":   {func(built string) { check(t, os.RemoveAll(built)) }, []string{"open built tree"}},
		"tree away": {func(built string) { check(t, os.RemoveAll(built)); check(t, os.Symlink("/etc", built)) }, []string{"open built tree", "escapes"}},
	} {
		t.Run(name, func(t *testing.T) {
			paths, out, err := build(t, tree.request(t), row.tamper)
			wantError(t, err, row.want...)
			if left := leftovers(t, out); paths != nil || left != nil {
				t.Errorf("returned %v and left %v", paths, left)
			}
		})
	}
	t.Run("name is taken by a folder", func(t *testing.T) {
		req := tree.request(t)
		paths, out, err := build(t, req, nil)
		check(t, err)
		check(t, os.Remove(paths[0]))
		check(t, os.Remove(paths[1]))
		check(t, os.Mkdir(paths[1], 0o755))
		dir := filepath.Join(t.TempDir(), "build")
		plan, err := New().Plan(req)
		check(t, err)
		check(t, New().Stage(req, plan, dir))
		_, err = New().Collect(req, plan, dir, out)
		wantError(t, err, filepath.Base(paths[1]))
		if diff := cmp.Diff([]string{filepath.Base(paths[1])}, leftovers(t, out)); diff != "" {
			t.Error(diff)
		}
	})
}

func relink(t *testing.T, dir, to, name string) {
	t.Helper()
	check(t, os.Remove(filepath.Join(dir, name)))
	check(t, os.Symlink(to, filepath.Join(dir, name)))
}

// TestBuildCannotChangeItsGoospec: what is packaged was settled before foreign code ran.
func TestBuildCannotChangeItsGoospec(t *testing.T) {
	req := files{specPath: minimal, "hello.exe": "MZ"}.request(t)
	path := mustBuild(t, req, func(built string) {
		other := strings.ReplaceAll(minimal, "hello", "trojan")
		check(t, os.WriteFile(filepath.Join(built, specPath), []byte(other), 0o644))
	})
	if got, want := filepath.Base(path), "hello.x86_64.20261121.00.0@1.goo"; got != want {
		t.Errorf("built %s, want %s", got, want)
	}
}

// TestGuestShapes packages goospecs of the shapes that public guest agents have,
// as a release and as a presubmit, and installs them as googet would.
func TestGuestShapes(t *testing.T) {
	tree := files{
		"LICENSE": "free", "adapt.ps1": "a", "THIRD_PARTY_LICENSES/example.com/x/LICENSE": "x",
		"packaging/googet/run.cmd": "r", "packaging/googet/install.ps1": "i", "packaging/googet/uninstall.ps1": "u",
		"packaging/googet/build.sh": "#!/bin/sh\necho \"agent $1\" > Agent.exe\ncp \"$EXTRA_SOURCE/manager\" Manager.exe\ncmp Manager.exe ../plugins/manager\n",
	}
	for _, name := range []string{"agent", "config", "scripts"} {
		text, err := os.ReadFile("testdata/shapes/" + name + ".goospec")
		check(t, err)
		tree["packaging/googet/"+name+".goospec"] = string(text)
	}
	for version, want := range map[string][]string{
		"20261121.00":    {"guest-agent-windows.x86_64.20261121.00.0@1.goo", "guest-config-agent.x86_64.20261121.00.0+win@1.goo", "guest-scripts.x86_64.20261121.00.0@1.goo"},
		"0~pr12.abcdef0": {"guest-agent-windows.x86_64.0.0.12+abcdef0.0@1.goo", "guest-config-agent.x86_64.0.0.12+abcdef0.0.win@1.goo", "guest-scripts.x86_64.0.0.12+abcdef0.0@1.goo"},
	} {
		req := tree.request(t)
		req.Version = version
		req.Source.Extra = files{"manager": "the manager"}.source(t)
		req.Source.Extra.Repository = "https://example.com/plugins"
		paths, _, err := build(t, req, nil)
		check(t, err)
		installed := map[string]string{}
		var names []string
		for _, path := range paths {
			names = append(names, filepath.Base(path))
			pkg, err := New().Inspect(path)
			check(t, err)
			check(t, New().Verify(req, pkg))
			installAsGooget(t, path, installed)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for at, content := range map[string]string{
			"<ProgramFiles>/Guest/agent/Manager.exe":                                "the manager",
			"<ProgramFiles>/Guest/scripts/LICENSE.txt":                              "",
			"<ProgramFiles>/Guest/LICENSE.txt":                                      "free",
			"<ProgramFiles>/Guest/THIRD_PARTY_LICENSES/example.com/x/LICENSE":       "x",
			"<ProgramFiles>/Guest/agent/THIRD_PARTY_LICENSES/example.com/x/LICENSE": "x",
		} {
			if installed[at] != content {
				t.Errorf("%s: installed %q at %s, want %q", version, installed[at], at, content)
			}
		}
		if got := installed["<ProgramFiles>/Guest/scripts/Runner.exe"]; !strings.HasPrefix(got, "/tmp/go/bin/go ") {
			t.Errorf("the build did not see GO: %q", got)
		}
	}
}

// TestHelloGuest builds the repository that the demo builds.
func TestHelloGuest(t *testing.T) {
	need.Tool(t, "make", "make")
	req := files{}.request(t)
	req.Source.Dir = "../../examples/hello-guest"
	path := mustBuild(t, req, nil)
	pkg, err := New().Inspect(path)
	check(t, err)
	check(t, New().Verify(req, pkg))
	installed := map[string]string{}
	installAsGooget(t, path, installed)
	if got := installed["<ProgramFiles>/hello-guest/hello-guest.ps1"]; !strings.Contains(got, req.Version) {
		t.Errorf("the program does not know its version %s:\n%s", req.Version, got)
	}
}

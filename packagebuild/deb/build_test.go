package deb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

// build stages the request and runs its steps on this machine, with dir in the
// place of packagebuild.BuildRoot. It returns the packages in a folder of their own.
func build(t *testing.T, req packagebuild.Request) []string {
	t.Helper()
	need.Tool(t, "dpkg-buildpackage", "dpkg-dev")
	need.Tool(t, "dh", "debhelper")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	plan, err := New().Plan(req)
	mustDo(t, err)
	dir, out := t.TempDir(), t.TempDir()
	mustDo(t, New().Stage(req, plan, dir))
	for _, step := range plan.Steps {
		var log bytes.Buffer
		err := exec.Run(ctx, exec.Cmd{
			Args: step.Args, Dir: onHost(step.Dir, dir), Env: stepEnv(step, dir), Stdout: &log, Stderr: &log,
		})
		if err != nil {
			t.Fatalf("%s: %v\n%s", step.Name, err, log.Bytes())
		}
	}
	made, err := New().Collect(req, plan, dir, out)
	mustDo(t, err)
	return made
}

// onHost is where a path inside the root lies on this machine.
func onHost(inside, dir string) string {
	if rest, ok := strings.CutPrefix(inside, packagebuild.BuildRoot); ok {
		return dir + rest
	}
	return inside
}

func stepEnv(step packagebuild.Step, dir string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	for name, value := range step.Env {
		env = append(env, name+"="+onHost(value, dir))
	}
	return env
}

// TestBuild builds the greeter with the real tools, twice.
func TestBuild(t *testing.T) {
	req := greeter()
	req.Check = true
	made, again := build(t, req), build(t, req)
	wantNames(t, filepath.Dir(made[0]), "greeter-common_20261121.00-g1+deb12_all.deb", "greeter_20261121.00-g1+deb12_amd64.deb")
	for i := range made {
		if readFile(t, made[i]) != readFile(t, again[i]) {
			t.Errorf("%s: two builds in different folders differ", filepath.Base(made[i]))
		}
		pkg, err := New().Inspect(made[i])
		mustDo(t, err)
		mustDo(t, New().Verify(req, pkg))
		agreesWithDpkg(t, pkg)
	}
	t.Run("installed files", func(t *testing.T) { checkInstalled(t, made) })
	t.Run("program", func(t *testing.T) { checkProgram(t, made[1]) })
	t.Run("lintian", func(t *testing.T) { checkLintian(t, made) })
	t.Run("damage", func(t *testing.T) { checkDamage(t, made[0]) })
}

// agreesWithDpkg compares Inspect with dpkg-deb's reading of the same file.
func agreesWithDpkg(t *testing.T, pkg packagebuild.Package) {
	t.Helper()
	got := "Package: " + pkg.Name + "\nVersion: " + pkg.Version + "\nArchitecture: " + pkg.Arch + "\nGit: " + pkg.Vcs + "\n"
	want := run(t, "dpkg-deb", "-f", pkg.Path, "Package", "Version", "Architecture", "Git")
	if sortLines(got) != sortLines(want) {
		t.Errorf("dpkg-deb -f says\n%sInspect says\n%s", want, got)
	}
	unpacked := t.TempDir()
	run(t, "dpkg-deb", "-x", pkg.Path, unpacked)
	for _, f := range pkg.Files {
		if diff := cmp.Diff(fromDisk(t, unpacked, f), f); diff != "" {
			t.Errorf("%s (-dpkg-deb +Inspect):\n%s", f.Path, diff)
		}
	}
}

func sortLines(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{Args: args})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// fromDisk describes an unpacked file as Inspect would.
func fromDisk(t *testing.T, root string, f packagebuild.File) packagebuild.File {
	t.Helper()
	name := filepath.Join(root, f.Path)
	info, err := os.Lstat(name)
	mustDo(t, err)
	got := packagebuild.File{Path: f.Path, Mode: uint32(info.Mode().Perm())}
	switch {
	case info.IsDir():
		got.Mode |= 0o040000
	case info.Mode()&os.ModeSymlink != 0:
		got.Mode |= 0o120000
		got.Link, err = os.Readlink(name)
		mustDo(t, err)
	default:
		sum := sha256.Sum256([]byte(readFile(t, name)))
		got.Mode, got.Size, got.SHA256 = got.Mode|0o100000, info.Size(), hex.EncodeToString(sum[:])
	}
	return got
}

// checkInstalled wants the program, its man page, its service unit and its configuration in place.
func checkInstalled(t *testing.T, made []string) {
	modes := map[string]uint32{}
	for _, name := range made {
		pkg, err := New().Inspect(name)
		mustDo(t, err)
		for _, f := range pkg.Files {
			modes[f.Path] = f.Mode
		}
	}
	for path, want := range map[string]uint32{
		"/usr/bin/greeter":                    0o100755,
		"/usr/share/man/man1/greeter.1.gz":    0o100644,
		"/lib/systemd/system/greeter.service": 0o100644,
		"/etc/greeter/greeter.conf":           0o100644,
	} {
		if modes[path] != want {
			t.Errorf("%s has mode %o, want %o", path, modes[path], want)
		}
	}
	if conffiles := run(t, "dpkg-deb", "-I", made[0], "conffiles"); conffiles != "/etc/greeter/greeter.conf\n" {
		t.Errorf("conffiles are %q", conffiles)
	}
}

// checkProgram runs the built program, which knows the version from the build's environment.
func checkProgram(t *testing.T, name string) {
	unpacked := t.TempDir()
	run(t, "dpkg-deb", "-x", name, unpacked)
	if got, want := run(t, filepath.Join(unpacked, "usr/bin/greeter"), "deb"), "hello, deb from 20261121.00\n"; got != want {
		t.Errorf("the program says %q, want %q", got, want)
	}
}

// checkLintian wants no errors; warnings are a packaging's own business.
func checkLintian(t *testing.T, made []string) {
	need.Tool(t, "lintian", "lintian")
	run(t, append([]string{"lintian", "--allow-root", "--fail-on", "error"}, made...)...)
}

// TestBuildOfPresubmitForAnotherArch cross-builds a version as a pull request
// has it, in a tree whose format is native. The package for all architectures
// is the native target's to make.
func TestBuildOfPresubmitForAnotherArch(t *testing.T) {
	need.Tool(t, "aarch64-linux-gnu-gcc", "crossbuild-essential-arm64")
	req := withFiles(t, map[string]string{
		"packaging/debian/source/format": "3.0 (native)\n",
		// A root has libc6:arm64 for this; here is only the cross compiler's copy.
		"packaging/debian/rules": "#!/usr/bin/make -f\n%:\n\tdh $@\n\noverride_dh_shlibdeps:\n\tdh_shlibdeps -l/usr/aarch64-linux-gnu/lib\n",
	})
	req.Target, req.Version = deb12arm64, "0~pr12.abcdef0"
	made := build(t, req)
	wantNames(t, filepath.Dir(made[0]), "greeter_0~pr12.abcdef0-g1+deb12_arm64.deb")
	pkg, err := New().Inspect(made[0])
	mustDo(t, err)
	mustDo(t, New().Verify(req, pkg))
}

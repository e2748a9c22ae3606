package rpm

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

func needRPM(t *testing.T) {
	t.Helper()
	need.Tool(t, "rpmbuild", "rpm")
	need.Tool(t, "file", "file")
	need.Tool(t, "gcc", "gcc")
	need.Tool(t, "make", "make")
}

// rpmbuild plans, stages, builds below dir as if that were the root's /build,
// and returns the packages' paths. Dir is empty afterwards.
func rpmbuild(t *testing.T, req packagebuild.Request, dir string) []string {
	t.Helper()
	needRPM(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	f := Format{root: dir}
	plan, err := f.Plan(req)
	must(t, err)
	must(t, f.Stage(req, plan, dir))
	var log bytes.Buffer
	for _, step := range plan.Steps {
		env := []string{"PATH=" + os.Getenv("PATH")}
		for key, value := range step.Env {
			env = append(env, key+"="+value)
		}
		if err := exec.Run(ctx, exec.Cmd{Args: step.Args, Dir: step.Dir, Env: env, Stdout: &log, Stderr: &log}); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
	}
	paths, err := f.Collect(req, plan, dir, t.TempDir())
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, "rpmbuild/checked")); (err == nil) != req.Check {
		t.Errorf("%%check ran: %v, want %v", err == nil, req.Check)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		must(t, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return paths
}

// query asks rpm itself about a package.
func query(t *testing.T, format, path string) string {
	t.Helper()
	out, err := exec.Output(context.Background(), exec.Cmd{Args: []string{"rpm", "-qp", "--qf", format, path}})
	must(t, err)
	return string(out)
}

// TestBuild builds the example twice, compares bytes, and holds what Inspect
// says against what rpm says.
func TestBuild(t *testing.T) {
	req, dir := request("testdata/hello"), t.TempDir()
	paths := rpmbuild(t, req, dir)
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
		pkg, err := New().Inspect(path)
		must(t, err)
		must(t, New().Verify(req, pkg))
		if diff := cmp.Diff(rpmSays(t, path), summary(pkg)); diff != "" {
			t.Errorf("%s (-rpm +Inspect):\n%s", path, diff)
		}
	}
	want := []string{"hello-20261121.00-g1.el9.src.rpm", "hello-20261121.00-g1.el9.x86_64.rpm", "hello-doc-20261121.00-g1.el9.noarch.rpm"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	checkHello(t, paths[1])
	golden(t, "scripts.txt", query(t, "%{POSTIN}\n--\n%{PREUN}\n--\n%{POSTUN}\n", paths[1]))

	req.Check = true // which changes no package
	for i, path := range rpmbuild(t, req, dir) {
		if !bytes.Equal(read(t, paths[i]), read(t, path)) {
			t.Errorf("%s differs between two builds", filepath.Base(path))
		}
	}
}

// checkHello checks what an EL root would have given the main package.
func checkHello(t *testing.T, path string) {
	t.Helper()
	got := query(t, "%{EPOCH} %{BUILDHOST} %{BUILDTIME} %{PAYLOADCOMPRESSOR} %{VENDOR} %{PLATFORM}", path)
	want := fmt.Sprintf("1 reproducible %d xz (none) x86_64-redhat-linux", request("").Source.Time.Unix())
	if got != want {
		t.Errorf("header says %s, want %s", got, want)
	}
	pkg, err := New().Inspect(path)
	must(t, err)
	var files []string
	for _, f := range pkg.Files {
		files = append(files, fmt.Sprintf("%o %s %s", f.Mode, f.Path, f.Link))
	}
	wantFiles := []string{
		"100644 /etc/hello.conf ", "100755 /usr/bin/hello ", "120777 /usr/bin/hi hello", "100644 /usr/lib/systemd/system/hello.service ",
	}
	if diff := cmp.Diff(wantFiles, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if pkg.Files[1].Size > 20_000 {
		t.Errorf("hello has %d bytes; it was not stripped", pkg.Files[1].Size)
	}
}

// TestPkgConfig: specs ask pkg-config for folders, and what Debian answers is
// not what EL does.
func TestPkgConfig(t *testing.T) {
	need.Tool(t, "pkg-config", "pkg-config")
	spec := `%global unitdir %(pkg-config --variable=systemdsystemunitdir systemd)
%global rulesdir %(pkg-config --variable=udev_dir udev)/rules.d
%global dracutdir %(pkg-config --variable=dracutdir dracut)
` + noarch + `
%install
for dir in %{unitdir} %{rulesdir} %{dracutdir}; do mkdir -p %{buildroot}$dir && touch %{buildroot}$dir/foo; done
%files
%{unitdir}/foo
%{rulesdir}/foo
%{dracutdir}/foo
`
	paths := rpmbuild(t, request(writeTree(t, map[string]string{"packaging/foo.spec": spec})), t.TempDir())
	got := query(t, "[%{FILENAMES}\n]", paths[0])
	want := "/usr/lib/dracut/foo\n/usr/lib/systemd/system/foo\n/usr/lib/udev/rules.d/foo\n"
	if got != want {
		t.Errorf("%s holds\n%s, want\n%s", paths[0], got, want)
	}
}

// TestBuildFlags: EL10 hands its flags to %build, earlier ones leave that to the spec.
func TestBuildFlags(t *testing.T) {
	for name, check := range map[string]string{
		"el9":  `[ -z "$CFLAGS$CXXFLAGS$LDFLAGS" ]`,
		"el10": `[ "$CFLAGS/$CXXFLAGS/$LDFLAGS" = "%{build_cflags}/%{build_cxxflags}/%{build_ldflags}" ]`,
	} {
		rpmbuild(t, shipped(t, name, noarch+"%build\n"+check+"\n%install\n"+check+"\n[ -d %{buildroot} ]\n%files\n"), t.TempDir())
	}
}

func TestPython(t *testing.T) {
	need.Tool(t, "python3", "python3")
	spec := noarch + `%install
mkdir -p %{buildroot}%{python3_sitelib}
echo 'print("foo")' > %{buildroot}%{python3_sitelib}/foo.py
%files
%{python_sitelib}/foo.py
%{python3_sitelib}/__pycache__/foo*.py*
`
	req, dir := shipped(t, "el9", spec), t.TempDir()
	first, second := rpmbuild(t, req, dir), rpmbuild(t, req, dir)
	got := query(t, "[%{FILENAMES}\n]", first[0])
	if !strings.Contains(got, "/usr/lib/python3.9/site-packages/foo.py\n") || strings.Count(got, ".pyc\n") != 2 {
		t.Errorf("%s holds\n%s", first[0], got)
	}
	if !bytes.Equal(read(t, first[0]), read(t, second[0])) {
		t.Errorf("%s differs between two builds", first[0])
	}
}

// noarch is the head of a spec for rpmbuild.
var noarch = strings.Replace(head, "%desc", "Summary: foo\nLicense: foo\nRelease: g1%{?dist}\nBuildArch: noarch\n%desc", 1)

// shipped is a request to build a spec for a target of the shipped table.
func shipped(t *testing.T, target, spec string) packagebuild.Request {
	t.Helper()
	targets, err := packagebuild.LoadTargets("../../config/targets.yaml")
	must(t, err)
	selected, err := targets.Select([]string{target})
	must(t, err)
	req := request(writeTree(t, map[string]string{"packaging/foo.spec": spec}))
	req.Target = selected[0]
	return req
}

func summary(pkg packagebuild.Package) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %v %s\n", pkg.Name, pkg.Version, pkg.Source, pkg.Vcs)
	if !pkg.Source {
		fmt.Fprintln(&b, pkg.Arch)
	}
	for _, f := range pkg.Files {
		fmt.Fprintf(&b, "%s %d %o %s %s\n", f.Path, f.Size, f.Mode, f.SHA256, f.Link)
	}
	return b.String()
}

func rpmSays(t *testing.T, path string) string {
	t.Helper()
	isSource := query(t, "%|SOURCERPM?{false}:{true}|", path)
	text := query(t, "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} "+isSource+" %{VCS}\n", path)
	if isSource == "false" {
		text += query(t, "%{ARCH}\n", path)
	}
	return text + query(t, "[%{FILENAMES} %{FILESIZES} %{FILEMODES:octal} %{FILEDIGESTS} %{FILELINKTOS}\n]", path)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func TestCollectErrors(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"nothing", func(*testing.T, string) {}, "rpmbuild wrote no package"},
		{"twice", func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "rpmbuild/RPMS/a/noarch/x.rpm"), "1")
			writeFile(t, filepath.Join(dir, "rpmbuild/RPMS/b/noarch/x.rpm"), "2")
		}, "rpmbuild/RPMS/a/noarch/x.rpm and rpmbuild/RPMS/b/noarch/x.rpm have one file name"},
		{"link", func(t *testing.T, dir string) {
			must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "rpmbuild/RPMS/x.rpm")))
		}, "rpmbuild/RPMS/x.rpm is no regular file but L"},
		{"folder that leads out", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "rpmbuild/RPMS")))
			must(t, os.Symlink("/etc", filepath.Join(dir, "rpmbuild/RPMS")))
		}, "escapes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, "rpmbuild/RPMS"), 0o755))
			must(t, os.MkdirAll(filepath.Join(dir, "rpmbuild/SRPMS"), 0o755))
			tt.make(t, dir)
			out := t.TempDir()
			_, err := New().Collect(request(""), packagebuild.Plan{}, dir, out)
			wantError(t, err, tt.want)
			wantEmpty(t, out)
		})
	}
}

// TestCollectSecondArch: two targets of one release must not make one file name.
func TestCollectSecondArch(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(dir, "rpmbuild/RPMS/a/noarch/a-doc-1-1.noarch.rpm"), "")
	writeFile(t, filepath.Join(dir, "rpmbuild/RPMS/a/aarch64/a-1-1.aarch64.rpm"), "")
	must(t, os.Mkdir(filepath.Join(dir, "rpmbuild/SRPMS"), 0o755))
	got, err := New().Collect(onARM(request("")), packagebuild.Plan{}, dir, out)
	must(t, err)
	if diff := cmp.Diff([]string{filepath.Join(out, "a-1-1.aarch64.rpm")}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCollectReplacesNothing(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(dir, "rpmbuild/RPMS/x.rpm"), "new")
	must(t, os.Mkdir(filepath.Join(dir, "rpmbuild/SRPMS"), 0o755))
	writeFile(t, filepath.Join(out, "x.rpm"), "old")
	_, err := New().Collect(request(""), packagebuild.Plan{}, dir, out)
	wantError(t, err, "collect x.rpm|file exists")
	if got := string(read(t, filepath.Join(out, "x.rpm"))); got != "old" {
		t.Errorf("x.rpm holds %q", got)
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if path != "." {
			t.Errorf("%s is left behind", path)
		}
		return err
	}))
}

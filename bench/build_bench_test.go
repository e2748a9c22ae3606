package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/config"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/build"
	"slipway.dev/slipway/packagebuild/deb"
	"slipway.dev/slipway/packagebuild/golang"
	"slipway.dev/slipway/packagebuild/root"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

// packageVersion is what every build of these benchmarks is called.
const packageVersion = "20261121.00"

// example is a copy of examples/hello-guest for the named targets.
func example(b *testing.B, targets ...string) []packagebuild.Request {
	b.Helper()
	need.Root(b)
	dir := filepath.Join(b.TempDir(), "hello-guest")
	when := time.Unix(1_700_000_000, 0)
	if err := packagebuild.CopyTree(filepath.Join("..", "examples", "hello-guest"), dir, when, nil); err != nil {
		b.Fatal(err)
	}
	table, err := packagebuild.ParseTargets("targets.yaml", config.Targets)
	if err != nil {
		b.Fatal(err)
	}
	picked, err := table.Select(targets)
	if err != nil {
		b.Fatal(err)
	}
	var requests []packagebuild.Request
	for _, t := range picked {
		requests = append(requests, packagebuild.Request{
			Source: packagebuild.Source{Dir: dir, Time: when}, Target: t, Version: packageVersion, Jobs: 2,
		})
	}
	return requests
}

// builder builds without linting: its peers do not lint either.
func builder(b *testing.B) *build.Builder {
	b.Helper()
	log := logrus.New()
	log.SetLevel(logrus.WarnLevel)
	entry := logrus.NewEntry(log)
	manager := &root.Manager{Log: entry}
	b.Cleanup(func() { _ = manager.Close() })
	return &build.Builder{
		Roots: manager, Go: golang.Config{Log: entry}, Work: b.TempDir(), Logs: b.TempDir(), ID: "https://slipway.dev/bench", Log: entry,
	}
}

func buildAll(b *testing.B, with *build.Builder, requests []packagebuild.Request) {
	b.Helper()
	if _, err := with.All(context.Background(), requests, b.TempDir()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDebBuild builds the example's deb in a warm clean root, with bare
// dpkg-buildpackage, and with sbuild, in turn, and tells the ratios of the medians.
// Slipway's time is the whole of it: planning, staging, the build, reading the
// package back, SBOM, provenance and lock.
func BenchmarkDebBuild(b *testing.B) {
	need.Tool(b, "dpkg-buildpackage", "dpkg-dev debhelper")
	need.Tool(b, "sbuild", "sbuild uidmap")
	with, requests := builder(b), example(b, "deb12")
	buildAll(b, with, requests) // makes the root
	peer := newSbuild(b, requests[0])
	var clean, bare, sbuild []time.Duration
	for b.Loop() {
		clean = append(clean, timed(func() { buildAll(b, with, requests) }))
		tree := stage(b, requests[0], b.TempDir())
		bare = append(bare, timed(func() { dpkgBuildpackage(b, tree) }))
		sbuild = append(sbuild, timed(func() { peer.run(b) }))
	}
	b.ReportMetric(milliseconds(median(clean)), "ms/slipway")
	b.ReportMetric(milliseconds(median(bare)), "ms/dpkg-buildpackage")
	b.ReportMetric(milliseconds(median(sbuild)), "ms/sbuild")
	b.ReportMetric(float64(median(clean))/float64(median(bare)), "ratio/dpkg-buildpackage")
	b.ReportMetric(float64(median(clean))/float64(median(sbuild)), "ratio/sbuild")
	b.ReportMetric(0, "ns/op") // of the three together says nothing
}

// stage writes the source that dpkg-buildpackage builds, and returns its folder.
func stage(b *testing.B, req packagebuild.Request, dir string) string {
	b.Helper()
	plan, err := deb.New().Plan(req)
	if err != nil {
		b.Fatal(err)
	}
	if err := deb.New().Stage(req, plan, dir); err != nil {
		b.Fatal(err)
	}
	return filepath.Join(dir, "hello-guest-"+packageVersion)
}

func dpkgBuildpackage(b *testing.B, tree string) {
	run(b, exec.Cmd{Dir: tree, Args: []string{"dpkg-buildpackage", "-b", "-us", "-uc"}, Env: append(os.Environ(),
		"VERSION="+packageVersion, "DEB_BUILD_OPTIONS=noautodbgsym nocheck parallel=2")})
}

func run(b *testing.B, c exec.Cmd) {
	b.Helper()
	if out, err := exec.Output(context.Background(), c); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// sbuilder is sbuild as fast as its settings make it: unshare mode, a tarball
// without compression that holds the build dependencies, no update, no lintian.
type sbuilder struct{ user, home, dsc, tarball string }

// newSbuild prepares a user for sbuild, which does not run as root, for as long
// as the benchmark takes.
func newSbuild(b *testing.B, req packagebuild.Request) sbuilder {
	b.Helper()
	s := sbuilder{user: fmt.Sprintf("slipway-bench-%d", os.Getpid())}
	s.home = filepath.Join("/home", s.user)
	run(b, exec.Cmd{Args: []string{"useradd", "--create-home", s.user}})
	b.Cleanup(func() {
		_ = exec.Run(context.Background(), exec.Cmd{Args: []string{"userdel", "--remove", s.user}})
	})
	s.tarball = filepath.Join(s.home, "root.tar")
	run(b, exec.Cmd{Args: []string{"mmdebstrap", "--variant=buildd", "--include=debhelper", req.Target.Root.Suite, s.tarball}})
	source := filepath.Join(s.home, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		b.Fatal(err)
	}
	tree := stage(b, req, source)
	run(b, exec.Cmd{Dir: source, Args: []string{"dpkg-source", "-b", tree}})
	found, err := filepath.Glob(filepath.Join(source, "*.dsc"))
	if err != nil || len(found) != 1 {
		b.Fatalf("source packages: %v (%v)", found, err)
	}
	s.dsc = found[0]
	run(b, exec.Cmd{Args: []string{"chown", "-R", s.user + ":" + s.user, s.home}})
	return s
}

func (s sbuilder) run(b *testing.B) {
	out, err := os.MkdirTemp(s.home, "out-")
	if err != nil {
		b.Fatal(err)
	}
	run(b, exec.Cmd{Args: []string{"chown", s.user, out}})
	build := []string{
		"sbuild", "--chroot-mode=unshare", "--chroot=" + s.tarball, "--dist=bookworm", "--build-dir=" + out, "--no-clean-source",
		"--no-apt-update", "--no-apt-upgrade", "--no-apt-distupgrade", "--no-run-lintian", "--no-run-piuparts", "--no-run-autopkgtest",
		"--build-dep-resolver=null", "--profiles=nocheck", "--nolog", "--purge=always", s.dsc,
	}
	run(b, exec.Cmd{
		Dir:  out,
		Args: append([]string{"runuser", "--user", s.user, "--"}, build...),
		Env:  []string{"HOME=" + s.home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "VERSION=" + packageVersion},
	})
	if debs, _ := filepath.Glob(filepath.Join(out, "*.deb")); len(debs) == 0 {
		b.Fatalf("sbuild made no package in %s", out)
	}
}

// BenchmarkSideBySide builds the example's four targets at once and one after
// the other, in turn, and tells the ratio of the medians.
func BenchmarkSideBySide(b *testing.B) {
	with, requests := builder(b), example(b, strings.Split("deb12,deb13,el9,goo", ",")...)
	buildAll(b, with, requests) // makes the roots
	var together, apart []time.Duration
	for b.Loop() {
		together = append(together, timed(func() { buildAll(b, with, requests) }))
		apart = append(apart, timed(func() {
			for i := range requests {
				buildAll(b, with, requests[i:i+1])
			}
		}))
	}
	b.ReportMetric(milliseconds(median(together)), "ms/together")
	b.ReportMetric(milliseconds(median(apart)), "ms/apart")
	b.ReportMetric(float64(median(together))/float64(median(apart)), "ratio")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}

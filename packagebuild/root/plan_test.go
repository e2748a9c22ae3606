package root

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

func TestBootstrapArgs(t *testing.T) {
	got := bootstrapArgs("http://mirror", packagebuild.Root{Suite: "bookworm", Packages: []string{"rpm", "gcc"}}, "/cache/x")
	want := []string{
		"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
		"mmdebstrap", "--mode=root", "--variant=buildd", "--format=directory", "--skip=cleanup/apt/lists",
		`--aptopt=Acquire::Languages "none"`, `--aptopt=Acquire::GzipIndexes "true"`,
		`--aptopt=Acquire::Retries "3"`, `--aptopt=APT::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/info/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--include=gcc,rpm", "bookworm", "/cache/x",
		"deb http://mirror/debian bookworm main",
		"deb http://mirror/debian bookworm-updates main",
		"deb http://mirror/debian-security bookworm-security main",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"deb http://mirror/debian sid main"}, sources("http://mirror", "sid")); diff != "" {
		t.Errorf("sources of sid (-want +got):\n%s", diff)
	}
}

// TestKeys says what shares a layer and what does not.
func TestKeys(t *testing.T) {
	name := func(mirror, suite string, packages ...string) string {
		m := &Manager{Mirror: mirror}
		return m.suiteLayer(packagebuild.Target{Root: packagebuild.Root{Suite: suite, Packages: packages}}).name
	}
	plain := name("", "bookworm", "rpm", "gcc")
	if other := name(DefaultMirror+"/", "bookworm", "gcc", "rpm"); other != plain {
		t.Errorf("order or mirror spelt otherwise: %s and %s", plain, other)
	}
	if !strings.HasPrefix(plain, "bookworm-") || strings.Contains(plain, ".") {
		t.Errorf("name %q", plain)
	}
	for _, other := range []string{name("", "trixie", "rpm", "gcc"), name("", "bookworm", "rpm"), name("http://m", "bookworm", "rpm", "gcc")} {
		if other == plain {
			t.Errorf("another root has the same name %s", plain)
		}
	}
}

func TestPlanDebian(t *testing.T) {
	update := []string{"apt-get", "-q", "update"}
	install := []string{"apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"}
	for _, test := range []struct {
		name  string
		needs Needs
		want  *installation
	}{
		{"nothing", Needs{Native: []string{"not-debian"}}, nil},
		{"empty fields", Needs{Dependencies: []string{"", " , \n ,"}}, nil},
		{
			"sorted, once, on one line",
			Needs{Dependencies: []string{"make,\n a | b (>= 1:2~) [amd64] <!nocheck>,", "make"}},
			&installation{
				relations: []string{"a | b (>= 1:2~) [amd64] <!nocheck>", "make"},
				refresh:   [][]string{update},
				install:   [][]string{append(install[:6:6], "build-dep", "/run/slipway-needs")},
			},
		},
		{
			"cross, even without dependencies",
			Needs{Cross: "arm64"},
			&installation{
				relations: []string{"crossbuild-essential-arm64:native"},
				cross:     "arm64",
				refresh:   [][]string{{"dpkg", "--add-architecture", "arm64"}, update},
				install: [][]string{append(install[:6:6], "--host-architecture", "arm64",
					"--build-profiles", "cross,nocheck", "build-dep", "/run/slipway-needs")},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := planDebian(test.needs)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(installation{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanNative(t *testing.T) {
	tree := t.TempDir()
	write(t, tree+"/usr/bin/microdnf", "")
	got := plan(&Root{Layers: []string{t.TempDir(), tree}}, Needs{Native: []string{"pam-devel", "gcc"}, Dependencies: []string{"libpam-dev"}})
	want := &installation{
		packages: []string{"gcc", "pam-devel"},
		install:  [][]string{{"microdnf", "-y", "--setopt=install_weak_deps=0", "install", "gcc", "pam-devel"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(installation{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestComplaint(t *testing.T) {
	for _, test := range []struct{ name, said, want string }{
		{
			"apt cannot satisfy",
			`Reading package lists...
Some packages could not be installed. This may mean that you have
The following packages have unmet dependencies:
 builddeps:/run/slipway-needs : Depends: debhelper (>= 99) but it is not going to be installed
                                Depends: libnope-dev but it is not installable
E: Unable to correct problems, you have held broken packages.
`,
			"Depends: debhelper (>= 99) but it is not going to be installed; Depends: libnope-dev but it is not installable",
		},
		{
			"apt cannot fetch",
			"Get:1 http://x\nE: Failed to fetch http://x/a.deb  404  Not Found [IP: 1]\nE: Unable to fetch some archives\n",
			"E: Failed to fetch http://x/a.deb  404  Not Found [IP: 1]; E: Unable to fetch some archives",
		},
		{"dnf", "Last metadata\nNo match for argument: nope-devel\nError: Unable to find a match: nope-devel\n",
			"No match for argument: nope-devel; Error: Unable to find a match: nope-devel"},
		{"something else", "strange\nwords\n", "strange\nwords"},
		{"very much", strings.Repeat("E: bad\n", 10), strings.Repeat("E: bad; ", 8) + "and 2 lines more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, complaint(test.said)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLockText(t *testing.T) {
	installed, err := parseInstalled("installed\tb\t2\tall\ninstalled\ta\t1:1\tarm64\nconfig-files\tc\t1\tamd64\ninstalled\ta\t1:1\tamd64\n")
	if err != nil {
		t.Fatal(err)
	}
	sums := checksums{}
	sums.add([]LockedPackage{{"b", "2", "all", "old"}, {"b", "1", "all", "older"}})
	if diff := cmp.Diff([]string{"a:amd64=1:1", "a:arm64=1:1"}, sums.missing(installed)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if _, err := sums.pin(installed); err == nil || !strings.Contains(err.Error(), "a 1:1 (amd64)") {
		t.Errorf("unknown checksum: got %v", err)
	}
	sums.add(parseRecords("Package: a\nVersion: 1:1\nArchitecture: arm64\nDescription: x\n y: z\nSHA256: s1\n\n" +
		"Package: a\nStatus: install ok installed\nVersion: 1:1\nArchitecture: amd64\n\n" +
		"Package: a\nVersion: 1:1\nArchitecture: amd64\nSHA256: s2\n\n"))
	got, err := sums.pin(installed)
	if err != nil {
		t.Fatal(err)
	}
	want := []LockedPackage{{"a", "1:1", "amd64", "s2"}, {"a", "1:1", "arm64", "s1"}, {"b", "2", "all", "old"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"installed\ta\n", "x"} {
		if _, err := parseInstalled(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
		if _, err := parseRPMs(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	rpms, err := parseRPMs("zlib\t1-2.el9\tx86_64\tdd\nbash\t1:5-1.el9\tx86_64\tee\n")
	wantRPMs := []LockedPackage{{"bash", "1:5-1.el9", "x86_64", "ee"}, {"zlib", "1-2.el9", "x86_64", "dd"}}
	if diff := cmp.Diff(wantRPMs, rpms); diff != "" || err != nil {
		t.Errorf("rpms: %v (-want +got):\n%s", err, diff)
	}
}

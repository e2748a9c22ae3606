package rpm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// known is what a build defines, in short.
var known = scope{"_version": "20261121.00", "dist": ".el9", "_arch": "x86_64", "rhel": "9", "nil": ""}

// head is the least that a spec holds, without its last section's text.
const head = "Name: foo\nVersion: %{_version}\n%description\n"

// facts is what a row of the table below compares.
type facts struct {
	Name, Version string
	Packages      []string
	Arches        []string
	Sources       []string
	Requires      []string
	Go, Open      bool
	Notes         []string
}

func factsOf(s *spec) facts {
	f := facts{Name: s.name, Version: s.version, Packages: s.packages, Arches: s.arches, Go: s.usesGo, Open: s.open, Notes: s.notes}
	for _, src := range s.sources {
		f.Sources = append(f.Sources, src.name)
	}
	for _, r := range s.requires {
		f.Requires = append(f.Requires, r.text)
	}
	return f
}

func TestParseSpec(t *testing.T) {
	plain := func(edit func(*facts)) facts {
		f := facts{Name: "foo", Version: "20261121.00", Packages: []string{"foo"}}
		edit(&f)
		return f
	}
	tests := []struct {
		name, text string
		want       facts
	}{
		{"least", head, plain(func(*facts) {})},
		{"spelling", "NAME :foo\r\n\tversion:%_version\n\n# Vcs: no\n%description -l de\nName: bar\n%description\n", plain(func(*facts) {})},
		{"macros", "%global base fo\n%define _n %{base}o\nName: %{_n}\nVersion: %{?_version}\n%description\n", plain(func(*facts) {})},
		{"continued macro", "%global script() \\\nif true; then \\\n  Name: no\n%global n %{lua:\nName: no\n}\n" + head, plain(func(*facts) {})},
		{"default", "%{!?n: %global n foo}\n%{!?rhel: %global n bar}\nName: %n\nVersion: 20261121.00\n%description\n", plain(func(*facts) {})},
		{"condition leaves a macro unknown", "%if 0%{?rhel} == 7\n%define dist .el7\n%endif\n" + strings.Replace(head, "%desc", "BuildRequires: a%{dist}\n%desc", 1),
			plain(func(f *facts) {
				f.Notes = []string{"x.spec:6: BuildRequires: a%{dist} cannot be told without running the spec; not installed"}
			})},
		{"requirements of all branches", strings.Replace(head, "%desc",
			"BuildRequires: a, b >= 1:2.0 c\n%if %{with x}\nBuildRequires: (d or e >= 2)  pkgconfig(f)\n%else\nBuildRequires(pre): g%{?_arch}\n%endif\nRequires: z\n%desc", 1),
			plain(func(f *facts) {
				f.Requires = []string{"a", "b >= 1:2.0", "c", "(d or e >= 2)", "pkgconfig(f)", "gx86_64"}
			})},
		{"a shell is not run", strings.Replace(head, "%desc", "BuildRequires: %(touch /tmp/owned; echo a)\n%desc", 1),
			plain(func(f *facts) {
				f.Notes = []string{"x.spec:3: BuildRequires: %(touch /tmp/owned; echo a) cannot be told without running the spec; not installed"}
			})},
		{"packages", head + "%package doc\nBuildRequires: man\nVersion: 9\n%description doc\n%package -n lib%{name}\n%description  -n lib%{name}\n",
			plain(func(f *facts) { f.Packages, f.Requires = []string{"foo", "foo-doc", "libfoo"}, []string{"man"} })},
		{"unknown package", head + "%package -n %{lib}\n%description -n %{lib}\n",
			plain(func(f *facts) {
				f.Open, f.Notes = true, []string{"x.spec:4: the name of %package -n %{lib} cannot be told without running the spec"}
			})},
		{"sources", strings.Replace(head, "%desc", "Source: https://example.org/%{name}_%{version}.orig.tar.gz\nsource1:b.conf\nPatch7: c.patch\nBuildArch: %{_arch} noarch\n%desc", 1),
			plain(func(f *facts) {
				f.Sources, f.Arches = []string{"foo_20261121.00.orig.tar.gz", "b.conf", "c.patch"}, []string{"x86_64", "noarch"}
			})},
		{"go", head + "%build\n%{_go} build\n", plain(func(f *facts) { f.Go = true })},
		{"only a longer name than go's", head + "%build\n%{_gopath} %_gone\n", plain(func(*facts) {})},
		{"braces that grow", "%global a %{b}%{b}\n%global b %{c}%{c}\n%global c %{a}%{a}\n" + strings.Replace(head, "%desc", "Source1: %{a}\n%desc", 1),
			plain(func(f *facts) {
				f.Notes = []string{"x.spec:6: Source1: %{a} cannot be told without running the spec; it is found if it is a .tar.gz or .patch in packaging/"}
			})},
		{"braces that multiply nothing", multiply(12) + strings.Replace(head, "%desc", "Source1: %{m12}\n%desc", 1),
			plain(func(f *facts) {
				f.Notes = []string{"x.spec:16: Source1: %{m12} cannot be told without running the spec; it is found if it is a .tar.gz or .patch in packaging/"}
			})},
		{"version by condition", "Name: foo\n%if x\nVersion: 1\n%else\nVersion: %{_version}\n%endif\n%description\n",
			plain(func(f *facts) {
				f.Version, f.Notes = "", []string{"x.spec:5: Version: %{_version} cannot be told without running the spec"}
			})},
		{"no tag below a condition", "%if 0\nwhatever\n%endif\n" + head, plain(func(f *facts) { f.Notes = []string{`x.spec:2: "whatever" is no tag`} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSpec("packaging/x.spec", []byte(tt.text), known)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, factsOf(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// multiply defines macros m1 to mN, each ten times the one before.
func multiply(n int) string {
	var b strings.Builder
	b.WriteString("%global m0 %{nil}\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%%global m%d %s\n", i, strings.Repeat(fmt.Sprintf("%%{m%d}", i-1), 10))
	}
	return b.String()
}

func TestParseSpecErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "x.spec: no Name: tag; add one"},
		{"no version", "Name: foo\n%description\n", "x.spec: no Version: tag; add Version: %{_version}"},
		{"no description", "Name: foo\nVersion: 1\n", "x.spec: no %description"},
		{"no description of a package", head + "%package doc\nSummary: d\n", "x.spec:4: %package doc has no %description doc"},
		{"nameless package", head + "%package\n", "x.spec:4: %package without a name"},
		{"broken tag", "Name: foo\nVersion 1\n%description\n", `x.spec:2: "Version 1" is no tag; write Tag: value`},
		{"empty tag", "Name:\nVersion: 1\n%description\n", `x.spec:1: "Name:" is no tag`},
		{"text before a section", "Name: foo\nVersion: 1\nmake install\n", `x.spec:3: "make install" is no tag`},
		{"open if", "%if 1\n" + head + "%if(x)\n%endif\n", "x.spec:1: %if has no %endif"},
		{"open ifarch in a script", head + "%build\n%ifarch x86_64\n", "x.spec:5: %ifarch has no %endif"},
		{"lone endif", head + "%endif\n", "x.spec:4: %endif without an %if"},
		{"lone else", head + "%else\n", "x.spec:4: %else without an %if"},
		{"two elses", head + "%if a\n%else\n%elif b\n%endif\n", "x.spec:6: %elif after the %else of the %if in line 4"},
		{"name by shell", "Name: %(id)\nVersion: 1\n%description\n", "x.spec:1: Name: %(id) cannot be told without running the spec"},
		{"name that climbs", "Name: ../foo\nVersion: 1\n%description\n", `x.spec:1: Name: "../foo" is no package name`},
		{"two names", "Name: foo\nName: bar\nVersion: 1\n%description\n", "x.spec:2: Name: bar, but line 1 says foo"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseSpec("packaging/x.spec", []byte(tt.text), known)
			wantError(t, err, "packaging/"+tt.want)
		})
	}
}

// TestParseSpecCost: a spec may be made to be slow; a plan is made where nobody stops it.
func TestParseSpecCost(t *testing.T) {
	half := maxSpec / 2
	tests := []struct{ name, text string }{
		{"one macro over all lines", head + "%global a %{\n" + strings.Repeat("\n", half)},
		{"open braces", head + "%global a " + strings.Repeat("%{", half/2)},
		{"continued", head + "%global a " + strings.Repeat("\\\n", half/2)},
		{"dear macro", multiply(4) + "%global s " + strings.Repeat("x", 60<<10) + "\n" +
			strings.Replace(head, "%desc", strings.Repeat("BuildRequires: %m3 %s\n", half/25)+"%desc", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := parseSpec("x.spec", []byte(tt.text), known)
			must(t, err)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestStamped(t *testing.T) {
	tests := []struct{ name, text, url, want string }{
		{"none", "Name: a\nVersion: 1\n%description\n", "", "Name: a\nVersion: 1\n%description\n"},
		{"new", "Name: a\nVersion: 1\n%description\n", "u/100%25", "Name: a\nVersion: 1\nVcs: u/100%%25\n%description\n"},
		{"replaced", "VCS: git\nName: a\nVersion: 1\n%description\nVcs: text\n", "u", "Name: a\nVersion: 1\nVcs: u\n%description\nVcs: text\n"},
		{"each branch", "Name: a\n%if x\nVersion: 1\n%else\nVersion: 2\n%endif\n%description\n", "u",
			"Name: a\n%if x\nVersion: 1\nVcs: u\n%else\nVersion: 2\nVcs: u\n%endif\n%description\n"},
		{"sub package", head + "%package b\nVersion: 3\nVcs: x\n%description b\n", "u",
			"Name: foo\nVersion: %{_version}\nVcs: u\n%description\n%package b\nVersion: 3\n%description b\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSpec("x.spec", []byte(tt.text), known)
			must(t, err)
			if diff := cmp.Diff(tt.want, s.stamped(tt.url)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzParseSpec checks that the reader survives any text, and that a stamped
// spec reads as before.
func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(head))
	f.Add([]byte("%if 0%{?rhel}\n%define a %{b}\n%global b %{?a:%a}\n%endif\n" + head + "%package -n x%a\nBuildRequires: (c or d) >= 2, e\n%description -n x%a\n"))
	f.Add([]byte("%{!?n: %global n f}\nName: %n\nVcs: %{a\nb}\nVersion: %{\n_version}\nSource0: %{name}.%%{\\\n%description\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSpec("x.spec", data, known)
		if err != nil {
			return
		}
		again, err := parseSpec("x.spec", []byte(s.stamped("https://example.org/%2f")), known)
		if err != nil {
			t.Fatalf("stamped: %v", err)
		}
		want, got := factsOf(s), factsOf(again)
		want.Notes, got.Notes = nil, nil // their line numbers differ
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stamping changed what the spec says (-before +after):\n%s", diff)
		}
	})
}

// What a package manager would take for more than a name to look up is left out.
func TestHostileBuildRequires(t *testing.T) {
	for word, want := range map[string]bool{
		"gcc": true, "/usr/bin/python3": true, "pkgconfig(libcurl)": true,
		"--nogpgcheck": false, "-y": false, "https://example.com/x.rpm": false, "x.rpm": false,
	} {
		if got := isCapability(word); got != want {
			t.Errorf("%s: got %v, want %v", word, got, want)
		}
	}
}

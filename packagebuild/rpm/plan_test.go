package rpm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

func TestPlan(t *testing.T) {
	req := request("testdata/hello")
	checked := onARM(req)
	checked.Check = true
	tests := []struct {
		name string
		req  packagebuild.Request
	}{
		{"plan-el9.json", req},
		{"plan-el9-arm64.json", checked},
		{"plan-el9-image.json", inImage(req)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := New().Plan(tt.req)
			must(t, err)
			text, err := json.MarshalIndent(plan, "", "  ")
			must(t, err)
			golden(t, tt.name, string(text)+"\n")
		})
	}
}

func TestPlanGo(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"no", map[string]string{"packaging/foo.spec": head}, false},
		{"module", map[string]string{"packaging/foo.spec": head, "go.mod": "module foo"}, true},
		{"spec calls it", map[string]string{"packaging/foo.spec": head + "%build\n%{_go} build\n"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := New().Plan(request(writeTree(t, tt.files)))
			must(t, err)
			arch := plan.Steps[0].Env["GOARCH"]
			if plan.Go != tt.want || (arch == "amd64") != tt.want {
				t.Errorf("Go is %v and GOARCH %q, want Go %v", plan.Go, arch, tt.want)
			}
		})
	}
}

func TestPlanErrors(t *testing.T) {
	with := func(tag string) string { return strings.Replace(head, "%desc", tag+"\n%desc", 1) }
	tests := []struct {
		name, spec string
		edit       func(*packagebuild.Request)
		want       string
	}{
		{"does not parse", "%if\n" + head, nil, "packaging/foo.spec:1: %if has no %endif"},
		{"own version", "Name: foo\nVersion: 1.0\n%description\n", nil, "packaging/foo.spec:2: Version is 1.0, but the build is of 20261121.00; write Version: %{_version}"},
		{"missing source", with("Source0: %{name}-%{version}.tar.gz"), nil,
			"packaging/foo.spec:3: Source0 foo-20261121.00.tar.gz is neither in packaging/ nor made by the build|foo_20261121.00.orig.tar.gz"},
		{"another arch", with("BuildArch: s390x"), nil, "packaging/foo.spec:3: BuildArch [s390x] leaves out x86_64 of target el9"},
		{"dash in the version", head, func(r *packagebuild.Request) { r.Version = "1-2" }, `version "1-2" is no rpm version`},
		{"unknown arch", head, func(r *packagebuild.Request) { r.Target.Arch = "riscv64" }, `target el9: arch "riscv64" has no rpm name here`},
		{"huge", head + strings.Repeat("#", maxSpec), nil, "read packaging/foo.spec: has|bytes; at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := request(writeTree(t, map[string]string{"packaging/foo.spec": tt.spec}))
			if tt.edit != nil {
				tt.edit(&req)
			}
			_, err := New().Plan(req)
			wantError(t, err, tt.want)
		})
	}
}

func TestPresubmitVersion(t *testing.T) {
	req := request("testdata/hello")
	req.Version = "0~pr12.0123abc"
	_, err := New().Plan(req)
	must(t, err)
}

func TestSplitRequires(t *testing.T) {
	tests := []struct {
		value string
		want  []string
	}{
		{"", nil},
		{" a,b  c\t d,", []string{"a", "b", "c", "d"}},
		{"a >= 1 b = 2, c", []string{"a >= 1", "b = 2", "c"}},
		{"pkgconfig(x) > 2 (a if b else (c and d)) /usr/bin/e", []string{"pkgconfig(x) > 2", "(a if b else (c and d))", "/usr/bin/e"}},
		{">= 2", []string{">=", "2"}},
		{"(a", []string{"(a"}},
		{"a) b", []string{"a)", "b"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, splitRequires(tt.value)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.value, diff)
		}
	}
}

// TestRealTargets: what the shipped table holds must serve the specs of real guest agents.
func TestRealTargets(t *testing.T) {
	targets, err := packagebuild.LoadTargets("../../config/targets.yaml")
	must(t, err)
	const linked = "programs are linked with Debian's libraries (libboost-regex-dev, libcurl4-openssl-dev, libjson-c-dev, libpam0g-dev), " +
		"and %s may refuse to install them: compare rpm -qp --requires with what it has"
	for requires, wantLinked := range map[string]string{
		"boost-devel gcc-c++ make libcurl-devel json-c-devel pam-devel policycoreutils checkpolicy systemd": linked,
		"golang, systemd-rpm-macros, python3-devel":                                                         "",
	} {
		spec := strings.Replace(head, "%desc", "BuildRequires: "+requires+"\n%desc", 1)
		for _, target := range targets {
			if target.Format != "rpm" {
				continue
			}
			req := request(writeTree(t, map[string]string{"packaging/foo.spec": spec}))
			req.Target = target
			plan, err := New().Plan(req)
			must(t, err)
			want := []string{target.Root.Note}
			if wantLinked != "" {
				want = append(want, fmt.Sprintf(wantLinked, target.Distribution))
			}
			if diff := cmp.Diff(want, plan.Notes); diff != "" {
				t.Errorf("%s: notes (-want +got):\n%s", target.Name, diff)
			}
		}
	}
}

package openqa

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const settings = "settings: {DISTRI: hello, VERSION: 1, FLAVOR: disk, ARCH: x86_64}\n"

func TestParseSuiteRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "no jobs"},
		{"no jobs", settings, "no jobs"},
		{"unknown field", settings + "jobs: [{name: a, timeout: 3}]", `unknown field "timeout"`},
		{"no name", settings + "jobs: [{}]", "no name of a job"},
		{"a name with a colon", settings + "jobs: [{name: 'a:b'}]", "no name of a job"},
		{"a name that leaves the folder", settings + "jobs: [{name: ../a}]", "no name of a job"},
		{"two of one name", settings + "jobs: [{name: a}, {name: a}]", "two jobs are called a"},
		{"a number that YAML shortens", "settings: {VERSION: 1.10}\njobs: [{name: a}]", "write it in quotes"},
		{"a list", "settings: {VERSION: [1]}\njobs: [{name: a}]", "write it in quotes"},
		{"the disk", settings + "jobs: [{name: a, settings: {HDD_1: x}}]", "HDD_1 is the disk under test"},
		{"the run", settings + "jobs: [{name: a, settings: {BUILD: x}}]", "BUILD names the run"},
		{"a suffix", settings + "jobs: [{name: a, settings: {'QEMURAM:b': 1}}]", "no name of a setting"},
		{"a dependency by hand", settings + "jobs: [{name: a, settings: {_START_AFTER: b}}]", "no name of a setting"},
		{"no DISTRI", "jobs: [{name: a}]", "DISTRI is missing"},
		{"after nobody", settings + "jobs: [{name: a, after: [b]}]", "it names b"},
		{"beside itself", settings + "jobs: [{name: a, parallel: [a]}]", "it names a"},
		{"after each other", settings + "jobs: [{name: a, after: [b]}, {name: b, after: [a]}, {name: c}]", "wait for each other: a, b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseSuite([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

var testDisk = Disk{Digest: "sha256:" + strings.Repeat("ab", 32), Format: "qcow2"}

func parse(t *testing.T, text string) Suite {
	t.Helper()
	s, err := ParseSuite([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestForm(t *testing.T) {
	suite := parse(t, settings+"jobs: [{name: server}, {name: client, parallel: [server], settings: {QEMURAM: 512}}, {name: late, after: [server, client]}]")
	disk := testDisk
	disk.URL = "https://bucket.example.com/x.qcow2"
	plan, err := NewPlan(suite, disk, "77")
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"DISTRI": {"hello"}, "VERSION": {"1"}, "FLAVOR": {"disk"}, "ARCH": {"x86_64"}, "BUILD": {plan.Build},
		"SLIPWAY_RUN": {plan.Build}, "SLIPWAY_BUILD": {"77"}, "SLIPWAY_DISK": {disk.Digest},
		"HDD_1": {"slipway-" + strings.Repeat("ab", 32) + ".qcow2"}, "HDD_1_URL": {disk.URL},
		"TEST:server": {"server"}, "TEST:client": {"client"}, "TEST:late": {"late"},
		"QEMURAM:client": {"512"}, "_PARALLEL:client": {"server"}, "_START_AFTER:late": {"server,client"},
	}
	if diff := cmp.Diff(want, plan.Form()); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}

// A run is named by what is run: the disk, the suite and the caller's name of it, and not
// by where openQA gets the disk.
func TestPlanNamesTheRun(t *testing.T) {
	name := func(disk Disk, text, id string) string {
		plan, err := NewPlan(parse(t, text), disk, id)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Build
	}
	one := settings + "jobs: [{name: a}]"
	first := name(testDisk, one, "77")
	byURL, other := testDisk, testDisk
	byURL.URL, other.Digest = "https://bucket.example.com/x", "sha256:"+strings.Repeat("cd", 32)
	if again := name(byURL, "# a remark\n"+one, "77"); again != first {
		t.Errorf("the same run is %s and %s", first, again)
	}
	for what, got := range map[string]string{
		"another disk": name(other, one, "77"), "another id": name(testDisk, one, "78"),
		"another suite": name(testDisk, settings+"jobs: [{name: a, allow-softfailed: true}]", "77"),
	} {
		if got == first {
			t.Errorf("%s is the same run", what)
		}
	}
}

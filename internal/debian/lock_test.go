package debian

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sum = strings.Repeat("0123456789abcdef", 4)

var hello = Package{
	Name: "hello", Version: "1:2.10-3", Arch: "amd64", SHA256: sum, Size: 53188,
	Pool: "debian/pool/main/h/hello/hello_2.10-3_amd64.deb",
}

var tzdata = Package{
	Name: "tzdata", Version: "2024a-0+deb12u1", Arch: "all", SHA256: sum, Size: 300000,
	Pool: "debian-security/pool/updates/main/t/tzdata/tzdata_2024a-0+deb12u1_all.deb",
}

func TestParseSpec(t *testing.T) {
	tests := []struct {
		name, text string
		want       Spec
		err        string
	}{
		{"base", "suite: bookworm\npackages: [apt, libstdc++6]\n", Spec{"bookworm", []string{"apt", "libstdc++6"}, []string{"amd64"}}, ""},
		{"on top", "# why\npackages:\n- git\narchitectures: [amd64, arm64]\n", Spec{"", []string{"git"}, []string{"amd64", "arm64"}}, ""},
		{"unknown field", "packages: [git]\npackage: [git]\n", Spec{}, "line 2: field package not found"},
		{"no package name", "packages:\n- git\n- git ssh\n", Spec{}, `debian.yaml:3: "git ssh" is no name of a package`},
		{"an option", "packages:\n- --force-yes\n", Spec{}, `debian.yaml:2: "--force-yes" is no name of a package`},
		{"twice", "packages:\n- git\n- make\n- git\n", Spec{}, "debian.yaml:4: git is named twice"},
		{"not a word", "packages:\n- git\n- {a: b}\n", Spec{}, "line 3: want one word"},
		{"empty suite", "packages: [git]\nsuite: ''\n", Spec{}, `debian.yaml:2: "" is no name of a Debian suite`},
		{"bad architecture", "packages: [git]\narchitectures: [x86_64]\n", Spec{}, `debian.yaml:2: "x86_64" is no name of an architecture`},
		{"nothing", "", Spec{}, "packages is empty"},
		{"no list", "packages: git\n", Spec{}, "line 1: cannot unmarshal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseSpec("debian.yaml", []byte(tt.text))
			if refuted(t, err, tt.err) {
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// refuted compares an error with a part of it, and says whether one was wanted.
func refuted(t *testing.T, err error, want string) bool {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Fatal(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error: got %v, want %q in it", err, want)
	}
	return want != ""
}

func TestLockIsReadAsWritten(t *testing.T) {
	lock := Lock{
		Suite: "bookworm", Snapshot: time.Date(2026, 11, 21, 16, 1, 2, 0, time.UTC), Wanted: []string{"hello", "tzdata"},
		Packages: map[string][]Package{"amd64": {hello, tzdata}, "arm64": {tzdata}},
	}
	text := lock.Format("tools/greeter")
	got, err := ParseLock("debian.lock", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lock, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !strings.Contains(string(text), "`slipway image lock tools/greeter`") {
		t.Errorf("the lock does not say how to write it:\n%s", text)
	}
}

func TestParseLockRefuses(t *testing.T) {
	head := "format 1\nsuite bookworm\nsnapshot 20261121T160102Z\nwanted hello\n"
	line := "hello 2.10-3 amd64 " + sum + " 53188 debian/pool/main/h/hello/hello_2.10-3_amd64.deb\n"
	edit := func(from, to string) string {
		return head + "architecture amd64\n" + strings.Replace(line, from, to, 1)
	}
	tests := []struct{ name, text, err string }{
		{"nothing", "", "debian.lock: no line begins with format"},
		{"older format", strings.Replace(head, "format 1", "format 0", 1), "debian.lock:1: the lock has format 0, want 1; write it anew: slipway image lock"},
		{"no suite", strings.Replace(head, "suite bookworm", "", 1) + "architecture amd64\n", "no line begins with suite"},
		{"no architecture", head, "no line begins with architecture"},
		{"unknown key", head + "sweet bookworm\n", `debian.lock:5: "sweet" is none of`},
		{"two suites", "suite a b\n", `debian.lock:1: "suite" is followed by 2 words`},
		{"bad time", "snapshot 2026-11-21\n", "debian.lock:1: \"2026-11-21\" is no time"},
		{"architecture twice", head + "architecture amd64\narchitecture amd64\n", "debian.lock:6: architecture amd64 is there already"},
		{"twice", edit("", "") + line, "debian.lock:7: hello stands below hello"},
		{"unsorted", edit("", "") + strings.ReplaceAll(line, "hello", "giant"), "debian.lock:7: giant stands below hello"},
		{"a word short", edit(" 53188", ""), "debian.lock:6: a package has 5 words, want 6"},
		{"bad sum", edit("0123", "0x23"), "debian.lock:6: hello:"},
		{"upper case", edit("abcdef", "ABCDEF"), "is no sha256"},
		{"short sum", edit("0123", ""), "is no sha256"},
		{"bad size", edit("53188", "-1"), `"-1" is no size`},
		{"other architecture", edit(" amd64", " arm64"), "architecture is arm64, want amd64 or all"},
		{"elsewhere", edit("debian/pool/main/h/hello/", "debian/pool/../../"), "is no place of a .deb"},
		{"other archive", edit("debian/pool", "ubuntu/pool"), "is no place of a .deb"},
		{"other package", edit("hello_2", "adieu_2"), "adieu_2.10-3_amd64.deb is another package"},
		{"an option", edit("hello 2", "-o 2"), "that is no name of a package"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseLock("debian.lock", []byte(tt.text))
			refuted(t, err, tt.err)
		})
	}
	if _, err := ParseLock("debian.lock", []byte(edit("", ""))); err != nil {
		t.Errorf("the lock that the cases start from: %v", err)
	}
}

func TestFor(t *testing.T) {
	lock := Lock{Suite: "bookworm", Wanted: []string{"hello", "tzdata"}, Packages: map[string][]Package{"amd64": {hello}}}
	tests := []struct {
		name string
		arch string
		spec Spec
		err  string
	}{
		{"as locked", "amd64", Spec{Suite: "bookworm", Packages: []string{"tzdata", "hello"}}, ""},
		{"on top", "amd64", Spec{Packages: []string{"hello", "tzdata"}}, ""},
		{"one more", "amd64", Spec{Packages: []string{"hello", "tzdata", "git"}}, "made for other packages than debian.yaml names; run: slipway image lock tools"},
		{"other suite", "amd64", Spec{Suite: "trixie", Packages: []string{"hello", "tzdata"}}, "made for bookworm, not for trixie"},
		{"other architecture", "arm64", Spec{Packages: []string{"hello", "tzdata"}}, "has no packages for arm64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lock.For("tools", tt.arch, tt.spec)
			if refuted(t, err, tt.err) {
				return
			}
			if diff := cmp.Diff([]Package{hello}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFormatNumber fails when images may get other content from the same lock: their
// tags must not stay the same then.
func TestFormatNumber(t *testing.T) {
	hash := sha256.New()
	for _, part := range [][]byte{install, baseBegin, baseFinish} {
		hash.Write(part)
	}
	lock := Lock{Suite: "bookworm", Packages: map[string][]Package{"amd64": {hello}}}
	words := append(baseArgs(lock, "amd64", "work", "file"), sources(DefaultMirror, defaultKeyring, lock.Suite)...)
	hash.Write([]byte(strings.Join(words, "\n")))
	sums := map[string]string{
		"1": "85d2ce2c118ff93981c27773aef65751ea724d1febc909a8ffa57eace5d06883",
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sums[format] {
		t.Errorf("what the scripts of format %s do has changed: raise format, write every lock anew (slipway image lock), and put this in sums:\n%s", format, got)
	}
}

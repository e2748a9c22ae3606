package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"slipway.dev/slipway/packagebuild"
)

// member is one member of an ar archive.
type member struct{ name, data string }

func arOf(members ...member) []byte {
	var out bytes.Buffer
	out.WriteString(arMagic)
	for _, m := range members {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.data), m.data)
		if len(m.data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// file is one regular file, unless kind says something else.
type file struct {
	name, text string
	kind       byte
	link       string
}

func tarOf(t testing.TB, files ...file) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: 0o644, Typeflag: f.kind, Linkname: f.link}
		mustDo(t, w.WriteHeader(h))
		_, err := w.Write([]byte(f.text))
		mustDo(t, err)
	}
	mustDo(t, w.Close())
	return out.String()
}

const (
	goodControl = "Package: greeter\nVersion: 1:2-g1\nArchitecture: all\nMaintainer: one\nGit: https://example.com/abc\nDescription: d\n"
	goodSums    = "5d41402abc4b2a76b9719d911017c592  usr/greeting\n"
)

// small is a package with one file, two names for it and a link, compressed as ext says.
func small(t testing.TB, ext string) []byte {
	t.Helper()
	control := tarOf(t, file{name: "./", kind: tar.TypeDir}, file{name: "./control", text: goodControl}, file{name: "./md5sums", text: goodSums})
	data := tarOf(t,
		file{name: "./", kind: tar.TypeDir}, file{name: "./usr/", kind: tar.TypeDir}, file{name: "./usr/greeting", text: "hello"},
		file{name: "./usr/hard", kind: tar.TypeLink, link: "./usr/greeting"}, file{name: "./usr/soft", kind: tar.TypeSymlink, link: "../elsewhere"})
	return arOf(member{"debian-binary", "2.0\n"}, member{"control.tar" + ext, compress(t, ext, control)}, member{"data.tar" + ext, compress(t, ext, data)})
}

func compress(t testing.TB, ext, text string) string {
	t.Helper()
	var out bytes.Buffer
	var err error
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch ext {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".xz":
		w, err = xz.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		return text
	}
	mustDo(t, err)
	_, err = w.Write([]byte(text))
	mustDo(t, err)
	mustDo(t, w.Close())
	return out.String()
}

var smallPackage = packagebuild.Package{
	Format: "deb", Name: "greeter", Version: "1:2-g1", Arch: "all", Vcs: "https://example.com/abc",
	Files: []packagebuild.File{
		{Path: "/", Mode: 0o040644},
		{Path: "/usr", Mode: 0o040644},
		{Path: "/usr/greeting", Mode: 0o100644, Size: 5, SHA256: helloSum},
		{Path: "/usr/hard", Mode: 0o100644, Size: 5, SHA256: helloSum},
		{Path: "/usr/soft", Mode: 0o120644, Link: "../elsewhere"},
	},
}

const helloSum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func TestInspect(t *testing.T) {
	for _, ext := range []string{"", ".gz", ".xz", ".zst"} {
		t.Run("tar"+ext, func(t *testing.T) {
			signed := append(small(t, ext), arOf(member{"_gpgorigin", "sig"})[len(arMagic):]...)
			for _, data := range [][]byte{small(t, ext), signed} {
				got, err := inspect(bytes.NewReader(data))
				mustDo(t, err)
				if diff := cmp.Diff(smallPackage, got); diff != "" {
					t.Errorf("package (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestInspectNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "broken.deb")
	_, err := New().Inspect(name)
	wantError(t, err, name)
	mustDo(t, os.WriteFile(name, []byte("nonsense"), 0o644))
	_, err = New().Inspect(name)
	wantError(t, err, name, "no ar archive")
}

func TestInspectRefuses(t *testing.T) {
	binary, control := member{"debian-binary", "2.0\n"}, member{"control.tar", tarOf(t, file{name: "./control", text: goodControl})}
	data := member{"data.tar", tarOf(t)}
	withData := func(files ...file) []byte { return arOf(binary, control, member{"data.tar", tarOf(t, files...)}) }
	withControl := func(files ...file) []byte { return arOf(binary, member{"control.tar", tarOf(t, files...)}, data) }
	for _, row := range []struct {
		name string
		deb  []byte
		want string
	}{
		{"empty", nil, "unexpected EOF"},
		{"no members", arOf(), "read debian-binary"},
		{"other version", arOf(member{"debian-binary", "3.0\n"}, control, data), `"3.0\n", want format 2.0`},
		{"wrong order", arOf(binary, data, control), `member "data.tar" is in its place`},
		{"no data", arOf(binary, control), "read data.tar: unexpected EOF"},
		{"more members", arOf(binary, control, data, member{"extra", "x"}), `"extra" does not belong`},
		{"two data", arOf(binary, control, data, data), `"data.tar" does not belong`},
		{"bzip2", arOf(binary, member{"control.tar.bz2", "x"}, data), `compression ".bz2"`},
		{"climbs", withData(file{name: "./usr/../../etc/passwd", text: "x"}), "leads out of the package"},
		{"climbs at once", withData(file{name: "../etc/passwd", text: "x"}), "leads out of the package"},
		{"absolute", withData(file{name: "/etc/passwd", text: "x"}), "leads out of the package"},
		{"no name", withData(file{name: "."}), "leads out of the package"},
		{"twice", withData(file{name: "./a"}, file{name: "a"}), "twice"},
		{"through a link", withData(file{name: "./a", kind: tar.TypeSymlink, link: "/etc"}, file{name: "./a/b/c"}), "below /a, which is no folder"},
		{"device", withData(file{name: "./null", kind: tar.TypeChar}), "neither file, folder nor link"},
		{"hard link to nothing", withData(file{name: "./a", kind: tar.TypeLink, link: "./b"}), "no file above"},
		{"no control", withControl(file{name: "./other", text: goodControl}), "no control file"},
		{"control is a link", withControl(file{name: "./control", kind: tar.TypeSymlink, link: "/etc/passwd"}), "want a file"},
		{"control climbs", withControl(file{name: "./../control", text: goodControl}), "leads out of the package"},
		{"no version", withControl(file{name: "./control", text: "Package: a\nArchitecture: all\n"}), "no Version field"},
		{"two paragraphs", withControl(file{name: "./control", text: "Package: a\n\nB: c\n"}), "2 paragraphs"},
		{"sum of nothing", withControl(file{name: "./control", text: goodControl}, file{name: "./md5sums", text: goodSums}), "no file of the package"},
		{"bad sum", bytes.Replace(small(t, ""), []byte("hello"), []byte("hullo"), 1), "the package is damaged"},
		{"after the tar", arOf(binary, control, member{"data.tar", tarOf(t) + "x"}), "something follows"},
		{"after the compression", arOf(binary, control, member{"data.tar.gz", compress(t, ".gz", tarOf(t)) + "xx"}), "read data.tar"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := inspect(bytes.NewReader(row.deb))
			wantError(t, err, row.want)
		})
	}
}

// TestDamageIsSeen cuts a package short at every third byte and turns a bit of
// it: what is read must be an error or, where the bit means nothing, the same package.
func TestDamageIsSeen(t *testing.T) {
	for _, ext := range []string{".gz", ".xz", ".zst"} {
		t.Run(ext, func(t *testing.T) {
			whole := small(t, ext)
			for n := 0; n < len(whole); n += 3 {
				if _, err := inspect(bytes.NewReader(whole[:n])); err == nil && !padding(whole, n) {
					t.Errorf("the first %d of %d bytes read as a whole package", n, len(whole))
				}
				turnBit(t, whole, n, n%8, smallPackage)
			}
		})
	}
}

// padding says whether only the newline that evens the last member out is missing.
func padding(whole []byte, n int) bool { return n == len(whole)-1 && whole[n] == '\n' }

func turnBit(t *testing.T, whole []byte, n, bit int, want packagebuild.Package) {
	t.Helper()
	broken := bytes.Clone(whole)
	broken[n] ^= 1 << bit
	got, err := inspect(bytes.NewReader(broken))
	if err == nil && !cmp.Equal(want, got) {
		t.Errorf("bit %d of byte %d turned, and it reads as something else:\n%s", bit, n, cmp.Diff(want, got))
	}
}

// checkDamage does the same at random places of a package that dpkg-deb made.
func checkDamage(t *testing.T, name string) {
	whole := []byte(readFile(t, name))
	want, err := inspect(bytes.NewReader(whole))
	mustDo(t, err)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		n := random.IntN(len(whole))
		turnBit(t, whole, n, random.IntN(8), want)
		if _, err := inspect(bytes.NewReader(whole[:n])); err == nil && !padding(whole, n) {
			t.Errorf("the first %d of %d bytes read as a whole package", n, len(whole))
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, ext := range []string{"", ".gz", ".xz", ".zst"} {
		f.Add(small(f, ext))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg, err := inspect(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, file := range pkg.Files {
			if !filepath.IsAbs(file.Path) || filepath.Clean(file.Path) != file.Path || strings.Contains(file.Path, "\x00") {
				t.Errorf("read a file named %q", file.Path)
			}
		}
	})
}

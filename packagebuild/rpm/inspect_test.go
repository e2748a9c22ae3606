package rpm

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sassoftware/go-rpmutils"

	"slipway.dev/slipway/packagebuild"
)

// plainSpec makes a package whose payload is not compressed, so that tests can edit it.
const plainSpec = `%global _binary_payload w.ufdio
Name: plain
Version: %{_version}
Release: g1%{?dist}
Summary: Plain
License: none
BuildArch: noarch
%description
Plain.
%install
mkdir -p %{buildroot}/opt/zz
echo text > %{buildroot}/opt/zz/file
ln %{buildroot}/opt/zz/file %{buildroot}/opt/zz/same
%files
/opt/zz
`

// plainPackage builds it and returns its bytes.
func plainPackage(t *testing.T) []byte {
	t.Helper()
	req := request(writeTree(t, map[string]string{"packaging/plain.spec": plainSpec}))
	for _, path := range rpmbuild(t, req, t.TempDir()) {
		if strings.HasSuffix(path, ".noarch.rpm") {
			return read(t, path)
		}
	}
	t.Fatal("no noarch package")
	return nil
}

func inspectBytes(t *testing.T, data []byte) (packagebuild.Package, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.rpm")
	must(t, os.WriteFile(path, data, 0o644))
	return New().Inspect(path)
}

// parts are a package's bytes.
type parts struct{ signature, header, payload []byte }

func split(t *testing.T, data []byte) parts {
	t.Helper()
	data = bytes.Clone(data)
	h, err := rpmutils.ReadHeader(bytes.NewReader(data))
	must(t, err)
	at := h.GetRange()
	return parts{data[:at.Start], data[at.Start:at.End], data[at.End:]}
}

// resealed joins the parts, with digests that are right again.
func (p parts) resealed(before parts) []byte {
	header := bytes.ReplaceAll(p.header, hexDigest(before.payload), hexDigest(p.payload))
	signature := bytes.ReplaceAll(p.signature, hexDigest(before.header), hexDigest(header))
	signature = bytes.ReplaceAll(signature, md5Digest(before.header, before.payload), md5Digest(header, p.payload))
	return bytes.Join([][]byte{signature, header, p.payload}, nil)
}

func hexDigest(data []byte) []byte {
	sum := sha256.Sum256(data)
	return []byte(hex.EncodeToString(sum[:]))
}

// md5Digest is what rpm falls back to.
func md5Digest(header, payload []byte) []byte {
	sum := md5.Sum(bytes.Join([][]byte{header, payload}, nil))
	return sum[:]
}

func TestInspectFindsFlippedBytes(t *testing.T) {
	data := plainPackage(t)
	if _, err := inspectBytes(t, data); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	first := len(split(t, data).signature)
	for range 300 {
		at, bit := first+random.IntN(len(data)-first), byte(1)<<random.IntN(8)
		broken := bytes.Clone(data)
		broken[at] ^= bit
		if _, err := inspectBytes(t, broken); err == nil {
			t.Errorf("byte %d of %d xor %#x is not found", at, len(data), bit)
		}
	}
}

// TestInspectSurvives: garbage in the headers, resealed or not, is an error and no panic.
func TestInspectSurvives(t *testing.T) {
	data := plainPackage(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	before := split(t, data)
	for range 100 {
		p := split(t, data)
		for range 1 + random.IntN(4) {
			p.header[random.IntN(len(p.header)/2)] = byte(random.Uint32())
		}
		_, _ = inspectBytes(t, p.resealed(before))
		_, err := inspectBytes(t, data[:random.IntN(len(data))])
		if err == nil {
			t.Error("a part of a package passes for one")
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	data := plainPackage(t)
	replace := func(in []byte, from, to string) []byte {
		if len(from) != len(to) || !bytes.Contains(in, []byte(from)) {
			t.Fatalf("cannot replace %q by %q", from, to)
		}
		return bytes.ReplaceAll(in, []byte(from), []byte(to))
	}
	tests := []struct {
		name string
		edit func(*parts)
		want string
	}{
		{"dots in a folder", func(p *parts) { p.header = replace(p.header, "/opt/zz/", "/opt/../") }, `folder name "/opt/../" leads elsewhere`},
		{"folder without a root", func(p *parts) { p.header = replace(p.header, "/opt/zz/", "../tzzz/") }, `folder name "../tzzz/" leads elsewhere`},
		{"slash in a name", func(p *parts) { p.header = replace(p.header, "\x00file\x00", "\x00x/yz\x00") }, `file name "x/yz" leads elsewhere`},
		{"dots in the payload", func(p *parts) { p.payload = replace(p.payload, "./opt/zz/file", "./opt/../file") }, `payload: invalid file "/opt/../file"`},
		{"other contents", func(p *parts) { p.payload = replace(p.payload, "text", "TEXT") }, "payload: /opt/zz/|the header says"},
		{"no digest of the payload", func(p *parts) {
			p.header = replace(p.header, "\x00\x00\x13\xe4\x00\x00\x00\x08", "\x00\x00\x13\x00\x00\x00\x00\x08")
		}, "no SHA-256 digest"},
	}
	before := split(t, data)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := split(t, data)
			tt.edit(&p)
			_, err := inspectBytes(t, p.resealed(before))
			wantError(t, err, "inspect |"+tt.want)
		})
	}
}

func TestInspectNoPackage(t *testing.T) {
	huge := append(make([]byte, leadSize), "\x8e\xad\xe8\x01\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"...)
	tests := []struct{ name, data, want string }{
		{"empty", "", "read beginning at byte 96"},
		{"text", strings.Repeat("text", 100), "signature: no rpm header at byte 96"},
		{"huge", string(huge), "signature: 73014444031 bytes end after the file's 112"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := inspectBytes(t, []byte(tt.data))
			wantError(t, err, tt.want)
		})
	}
}

func TestVerify(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"packaging/foo.spec": head + "%package -n libfoo\n%description -n libfoo\n",
		"packaging/bar.spec": strings.Replace(head, "foo", "bar", 1),
	})
	good := packagebuild.Package{
		Path: "x.rpm", Name: "foo", Version: "1:20261121.00-g1.el9", Arch: "x86_64", Vcs: "https://example.org/" + commit,
	}
	tests := []struct {
		name string
		edit func(*packagebuild.Package)
		want string // empty is no error
	}{
		{"good", func(*packagebuild.Package) {}, ""},
		{"no epoch", func(p *packagebuild.Package) { p.Version = "20261121.00-2.el9" }, ""},
		{"sub package", func(p *packagebuild.Package) { p.Name, p.Arch = "libfoo", "noarch" }, ""},
		{"other spec", func(p *packagebuild.Package) { p.Name = "bar" }, ""},
		{"debug package of an EL root", func(p *packagebuild.Package) { p.Name = "libfoo-debuginfo" }, ""},
		{"source", func(p *packagebuild.Package) { p.Source, p.Arch = true, "src" }, ""},
		{"other name", func(p *packagebuild.Package) { p.Name = "baz" }, "verify x.rpm: name baz is none of those in the specs of el9: bar, foo, libfoo"},
		{"source of a sub package", func(p *packagebuild.Package) { p.Source, p.Name = true, "libfoo" }, "name libfoo is none"},
		{"other version", func(p *packagebuild.Package) { p.Version = "20261121.01-g1.el9" }, "version is 20261121.01, but 20261121.00 was asked for"},
		{"longer version", func(p *packagebuild.Package) { p.Version = "20261121.000-g1.el9" }, "version is 20261121.000"},
		{"other release", func(p *packagebuild.Package) { p.Version = "20261121.00-g1.el8" }, "release g1.el8 does not end in .el9"},
		{"other arch", func(p *packagebuild.Package) { p.Arch = "aarch64" }, "arch is aarch64; target el9 is x86_64"},
		{"no stamp", func(p *packagebuild.Package) { p.Vcs = "" }, `Vcs "" does not end in the commit`},
		{"other file name", func(p *packagebuild.Package) { p.Path = "foo-20990101.00-g1.el8.x86_64.rpm" }, "its file name does not say what it is: want foo-20261121.00-g1.el9.x86_64.rpm"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pkg := good
			tt.edit(&pkg)
			if tt.want == "" {
				pkg.Path = fileName(pkg)
			}
			err := New().Verify(request(dir), pkg)
			if tt.want != "" {
				wantError(t, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

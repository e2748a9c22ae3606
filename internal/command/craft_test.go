package command

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sassoftware/go-rpmutils"
)

// craft writes a package with a file that leads out of it: craft deb|goo|rpm FILE.
func craft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: craft deb|goo|rpm FILE")
	}
	var data []byte
	switch args[0] {
	case "deb":
		control := "Package: evil\nVersion: 1\nArchitecture: all\nMaintainer: one\nDescription: evil\n"
		data = archive("debian-binary", "2.0\n",
			"control.tar.gz", zipped("./control", control), "data.tar.gz", zipped("./usr/../../etc/evil", "x"))
	case "goo":
		data = []byte(zipped("../evil", "x", "evil.pkgspec", `{"Name": "evil", "Version": "1.0.0@1", "Arch": "noarch"}`))
	case "rpm":
		data = climbingRPM(ts)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

// zipped is a gzipped tar of files: name, content, name, content.
func zipped(files ...string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for i := 0; i < len(files); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644})
		_, _ = w.Write([]byte(files[i+1]))
	}
	_ = w.Close()
	_ = zip.Close()
	return out.String()
}

// archive is an ar archive of members: name, content, name, content.
func archive(members ...string) []byte {
	out := bytes.NewBufferString("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", members[i], 0, 0, 0, "100644", len(members[i+1]), members[i+1])
		if out.Len()%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

const climbingSpec = `%global _binary_payload w.ufdio
Name: evil
Version: 1
Release: 1
Summary: Evil
License: none
BuildArch: noarch
%description
Evil.
%install
mkdir -p %{buildroot}/opt/zz
echo text > %{buildroot}/opt/zz/file
%files
/opt/zz/file
`

// climbingRPM is a package that rpmbuild made, with /opt/zz renamed to /opt/.. and
// its digests right again.
func climbingRPM(ts *testscript.TestScript) []byte {
	top := ts.MkAbs("rpmbuild")
	spec := filepath.Join(top, "evil.spec")
	ts.Check(os.MkdirAll(top, 0o755))
	ts.Check(os.WriteFile(spec, []byte(climbingSpec), 0o644))
	ts.Check(ts.Exec("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+top, spec))
	made, err := filepath.Glob(filepath.Join(top, "RPMS", "noarch", "*.rpm"))
	ts.Check(err)
	data, err := os.ReadFile(made[0])
	ts.Check(err)
	h, err := rpmutils.ReadHeader(bytes.NewReader(data))
	ts.Check(err)
	at := h.GetRange()
	before, payload := bytes.Clone(data[at.Start:at.End]), data[at.End:]
	after := bytes.ReplaceAll(before, []byte("/opt/zz/"), []byte("/opt/../"))
	signature := bytes.ReplaceAll(data[:at.Start], sha256Hex(before), sha256Hex(after))
	signature = bytes.ReplaceAll(signature, md5Sum(before, payload), md5Sum(after, payload))
	return bytes.Join([][]byte{signature, after, payload}, nil)
}

func sha256Hex(data []byte) []byte {
	sum := sha256.Sum256(data)
	return []byte(hex.EncodeToString(sum[:]))
}

func md5Sum(parts ...[]byte) []byte {
	sum := md5.Sum(bytes.Join(parts, nil))
	return sum[:]
}

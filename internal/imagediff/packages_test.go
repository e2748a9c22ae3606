package imagediff

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

const status = "var/lib/dpkg/status"

// TestPackages compares two images by their layers, the lowest first.
func TestPackages(t *testing.T) {
	w := newWorld(t, registry.InProcess)
	base := map[string]string{status: deb("curl", "8.1-1") + deb("nano", "7.2-1"), "bin/": "", "lib": "-> usr/lib"}
	distroless := map[string]string{
		status + ".d/tzdata": "Package: tzdata\nVersion: 2026a-1\nArchitecture: all\n", status + ".d/tzdata.md5sums": "0 x",
		status + ".d/ssl": "Package: libssl3\nVersion: 3.0.14-1\nArchitecture: amd64\n",
	}
	alpine := map[string]string{"lib/apk/db/installed": "C:Q1=\nP:musl\nV:1.2.5-r0\nA:x86_64\np:so:x=1\nF:lib\nR:ld\n\nP:zlib\nV:1.3-r0\nA:x86_64\n\n"}
	type layers []map[string]string
	tests := map[string]struct {
		a, b layers
		want string
	}{
		"changed": {
			layers{base}, layers{base, {status: deb("curl", "8.2-1") + deb("nano", "7.1-9") + deb("vim", "9")}},
			"curl 8.2-1 amd64 [upgraded from: 8.1-1]; nano 7.1-9 amd64 [downgraded from: 7.2-1]; vim 9 amd64 [added]",
		},
		"removed":          {layers{base}, layers{base, {status: deb("curl", "8.1-1")}}, "nano 7.2-1 amd64 [removed]"},
		"same text anew":   {layers{base}, layers{base, {status: base[status]}}, ""},
		"nothing touched":  {layers{base}, layers{base, {"etc/motd": "hello"}}, ""},
		"written ./":       {layers{base}, layers{base, {"./" + status: deb("curl", "8.1-1") + deb("nano", "7.3")}}, "nano 7.3 amd64 [upgraded from: 7.2-1]"},
		"top decides":      {layers{base}, layers{base, {status: deb("vim", "9")}, {status: base[status]}}, ""},
		"whiteout of file": {layers{base}, layers{base, {"var/lib/dpkg/.wh.status": ""}}, "curl 8.1-1 amd64 [removed]; nano 7.2-1 amd64 [removed]"},
		"whiteout above":   {layers{base}, layers{base, {"var/.wh.lib": ""}}, "curl 8.1-1 amd64 [removed]; nano 7.2-1 amd64 [removed]"},
		"opaque above":     {layers{base}, layers{base, {"var/lib/.wh..wh..opq": "", status: deb("nano", "7.2-1")}}, "curl 8.1-1 amd64 [removed]"},
		"opaque elsewhere": {layers{base}, layers{base, {"var/cache/.wh..wh..opq": "", "var/lib/dpkg/.wh.status-old": ""}}, ""},
		"whiteout, then anew in the same layer": {
			layers{base}, layers{base, {"var/lib/.wh.dpkg": "", status: deb("curl", "8.1-1")}}, "nano 7.2-1 amd64 [removed]",
		},
		"whiteout below what is anew": {
			layers{base}, layers{base, {"var/lib/.wh.dpkg": ""}, {status: deb("curl", "8.1-1")}}, "nano 7.2-1 amd64 [removed]",
		},
		"replaced by a file": {layers{base}, layers{base, {"var/lib": "x"}}, "curl 8.1-1 amd64 [removed]; nano 7.2-1 amd64 [removed]"},
		"moved away": {
			layers{base}, layers{base, {"var/lib/dpkg": "-> ../../opt/dpkg"}},
			`not compared: dpkg: "var/lib/dpkg" is a symbolic link to "../../opt/dpkg", which is not followed`,
		},
		"hard link":       {layers{base}, layers{base, {status: "=> x"}}, `not compared: dpkg: "var/lib/dpkg/status" is a hard link to "x", which is not followed`},
		"no regular file": {layers{base}, layers{base, {status: "fifo"}}, `not compared: dpkg: "var/lib/dpkg/status" is no regular file`},
		"moved to where it is known": {
			layers{base}, layers{base, {"var/lib/dpkg": "-> /usr/lib/sysimage/dpkg", "usr/lib/sysimage/dpkg/status": base[status]}}, "",
		},
		"not installed": {
			layers{base},
			layers{base, {status: deb("curl", "8.1-1") + "Package: nano\nStatus: deinstall ok config-files\nVersion: 7.2-1\nArchitecture: amd64\n"}},
			"nano 7.2-1 amd64 [removed]",
		},
		"distroless part": {
			layers{distroless}, layers{distroless, {status + ".d/ssl": "Package: libssl3\nVersion: 3.0.15-1\nArchitecture: amd64\n"}},
			"libssl3 3.0.15-1 amd64 [upgraded from: 3.0.14-1]",
		},
		"distroless part gone":   {layers{distroless}, layers{distroless, {status + ".d/.wh.ssl": ""}}, "libssl3 3.0.14-1 amd64 [removed]"},
		"distroless parts gone":  {layers{distroless}, layers{distroless, {status + ".d/.wh..wh..opq": ""}}, "libssl3 3.0.14-1 amd64 [removed]; tzdata 2026a-1 all [removed]"},
		"distroless part linked": {layers{distroless}, layers{distroless, {status + ".d/ssl": "-> x"}}, `not compared: dpkg: "var/lib/dpkg/status.d/ssl" is a symbolic link to "x", which is not followed`},
		"apk":                    {layers{alpine}, layers{alpine, {"lib/apk/db/installed": "P:musl\nV:1.2.5-r1\nA:x86_64\n\n"}}, "musl 1.2.5-r1 x86_64 [changed from: 1.2.5-r0]; zlib 1.3-r0 x86_64 [removed]"},
		"rpm": {
			layers{base}, layers{base, {"usr/lib/sysimage/rpm/rpmdb.sqlite": "SQLite"}},
			"not compared: rpm: a layer changes /usr/lib/sysimage/rpm, which is not read; `rpm -qa` in both images tells",
		},
		"rpm gone": {
			layers{{"var/lib/rpm/Packages": "x"}}, layers{{"var/lib/rpm/Packages": "x"}, {"var/lib/.wh.rpm": ""}},
			"not compared: rpm: a layer changes /var/lib/rpm, which is not read; `rpm -qa` in both images tells",
		},
		"architecture": {
			layers{{status: "Package: a\nVersion: 1\nArchitecture: amd64\n\nPackage: a\nVersion: 1\nArchitecture: i386\n"}},
			layers{{status: "Package: a\nVersion: 2\nArchitecture: amd64\n\nPackage: a\nVersion: 1\nArchitecture: i386\n"}},
			"a 2 amd64 [upgraded from: 1]",
		},
		"no layers": {layers{}, layers{base}, "curl 8.1-1 amd64 [added]; nano 7.2-1 amd64 [added]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sides := make([]v1.Image, 2)
			for i, side := range []layers{tt.a, tt.b} {
				var made []v1.Layer
				for _, files := range side {
					made = append(made, layer(t, files))
				}
				sides[i] = image(t, nil, made...)
			}
			d := w.diff(sides[0], sides[1])
			if diff := cmp.Diff(tt.want, said(d.Platforms[0].Packages)); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

// Layers come in any form, on any registry.
func TestForms(t *testing.T) {
	raw := archive(t, map[string]string{status: deb("curl", "8.2-1")})
	forms := map[string]v1.Layer{
		"gzip":     static.NewLayer(gzipped(t, raw), types.OCILayer),
		"zstd":     static.NewLayer(zstandard(t, raw), types.OCILayerZStd),
		"plain":    static.NewLayer(raw, types.OCIUncompressedLayer),
		"misnamed": static.NewLayer(zstandard(t, raw), types.DockerLayer),
	}
	for _, kind := range []registry.Kind{registry.InProcess, registry.Debian} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind)
			base := layer(t, map[string]string{status: deb("curl", "8.1-1")})
			for form, top := range forms {
				d := w.diff(image(t, nil, base), image(t, nil, base, top))
				if got, want := said(d.Platforms[0].Packages), "curl 8.2-1 amd64 [upgraded from: 8.1-1]"; got != want {
					t.Errorf("%s: got %q, want %q", form, got, want)
				}
			}
		})
	}
}

// TestReads counts what is asked of the registry. The base has 20 MB.
func TestReads(t *testing.T) {
	noise := make([]byte, 20<<20)
	_, _ = rand.Read(noise)
	w := newWorld(t, registry.InProcess)
	base := layer(t, map[string]string{status: deb("curl", "8.1-1"), "opt/noise": string(noise)})
	other := layer(t, map[string]string{"etc/a": "a"})
	changed := layer(t, map[string]string{status: deb("curl", "8.2-1")})
	part := func(name, version string) v1.Layer {
		return layer(t, map[string]string{status + ".d/" + name: deb(name, version)})
	}
	tests := []struct {
		name string
		a, b []v1.Layer
		read []v1.Layer // in any order
	}{
		{"the same", []v1.Layer{base, other}, []v1.Layer{base, other}, nil},
		{"nothing touched", []v1.Layer{base}, []v1.Layer{base, other}, []v1.Layer{other}},
		{"nothing touched below others", []v1.Layer{base, changed}, []v1.Layer{base, other, changed}, []v1.Layer{other}},
		{"both touched", []v1.Layer{base, changed}, []v1.Layer{base, layer(t, map[string]string{status: deb("vim", "9")})}, []v1.Layer{changed, layer(t, map[string]string{status: deb("vim", "9")})}},
		{"one touched", []v1.Layer{base, other}, []v1.Layer{base, changed}, []v1.Layer{other, changed, base}},
		{
			"a part in the middle",
			[]v1.Layer{part("a", "1"), part("b", "1"), part("c", "1")}, []v1.Layer{part("a", "1"), part("b", "2"), part("c", "1")},
			[]v1.Layer{part("a", "1"), part("b", "1"), part("b", "2"), part("c", "1")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.diff(image(t, nil, tt.a...), image(t, nil, tt.b...))
			want, bytes := map[string]int{}, int64(0)
			for _, l := range tt.read {
				digest, _ := l.Digest()
				size, _ := l.Size()
				want[digest.String()], bytes = 1, bytes+size
			}
			got := map[string]int{}
			for _, digest := range w.blobs() {
				got[digest]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("blobs that were read (-want +got):\n%s", diff)
			}
			t.Logf("read %d layers of %s", len(want), Size(bytes))
		})
	}
}

// Each platform is compared with its own, and shared layers are read once.
func TestPlatforms(t *testing.T) {
	w := newWorld(t, registry.InProcess)
	base := layer(t, map[string]string{status: deb("curl", "8.1-1")})
	newer := layer(t, map[string]string{status: deb("curl", "8.2-1")})
	a := index(t, map[string]v1.Image{"amd64": image(t, nil, base), "arm64": image(t, nil, base), "s390x": image(t, nil, base)})
	b := index(t, map[string]v1.Image{"amd64": image(t, nil, base, newer), "arm64": image(t, nil, base), "riscv64": image(t, nil, base)})
	d := w.diff(a, b)
	got := map[string]string{}
	for _, p := range d.Platforms {
		got[p.Platform] = fmt.Sprintf("%t %t %s", p.A != "", p.B != "", said(p.Packages))
	}
	want := map[string]string{
		"linux/amd64": "true true curl 8.2-1 amd64 [upgraded from: 8.1-1]",
		"linux/arm64": "true true ", "linux/s390x": "true false ", "linux/riscv64": "false true ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("platforms, in A, in B, packages (-want +got):\n%s", diff)
	}
	if n := len(w.blobs()); n != 2 {
		t.Errorf("%d blobs were read, want 2", n)
	}
}

// index makes an index with an attestation, as buildkit does.
func index(t *testing.T, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	whole := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64", "s390x", "riscv64", "unknown"} {
		system := "linux"
		if arch == "unknown" {
			system = arch
			images[arch] = image(t, nil, static.NewLayer([]byte("{}"), "application/vnd.in-toto+json"))
		}
		if images[arch] != nil {
			whole = mutate.AppendManifests(whole, mutate.IndexAddendum{
				Add: images[arch], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: system, Architecture: arch}},
			})
		}
	}
	return whole
}

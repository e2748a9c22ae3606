package root

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/packagebuild"
)

type entry struct {
	tar.Header
	text string
}

func file(name, text string, mode int64) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(text))}, text}
}

func link(kind byte, name, to string) entry {
	return entry{tar.Header{Name: name, Typeflag: kind, Linkname: to, Mode: 0o777}, ""}
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// serve puts an image of the layers, bottom first, into a registry on loopback.
func serve(t *testing.T, layers ...[]byte) (image string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	img := v1.Image(empty.Image)
	for _, data := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	image = strings.TrimPrefix(server.URL, "http://") + "/el/root@" + digest.String()
	ref, err := name.NewDigest(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return image
}

// TestImageRoot builds on an image whose package manager is a stand-in: what
// matters is that the image's own is run, inside, on a layer of its own.
func TestImageRoot(t *testing.T) {
	need.Root(t)
	need.Tool(t, "busybox", "busybox-static")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image := serve(t,
		archive(t, file("bin/busybox", string(busybox), 0o4755), link(tar.TypeSymlink, "bin/sh", "busybox"), file("etc/gone", "x", 0o644)),
		archive(t, file("etc/.wh.gone", "", 0o644), link(tar.TypeLink, "usr/bin/touch", "bin/busybox"),
			file("usr/bin/rpm", "#!/bin/sh\nprintf 'pam-devel\\t1-2.el9\\tx86_64\\tabc\\n'\n", 0o755),
			file("usr/bin/dnf", "#!/bin/sh\nfor p; do case $p in no-*) echo \"No match for argument: $p\"; exit 1;; esac; done; echo $* > /etc/dnf-did\n", 0o755)))
	target := packagebuild.Target{Name: "el9", Arch: "amd64", Root: packagebuild.Root{Image: image}}
	m := &Manager{Cache: t.TempDir()}

	root, err := m.Root(t.Context(), target, Needs{Native: []string{"pam-devel"}, Dependencies: []string{"libpam-dev"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := m.inside(t.Context(), root.Layers, &out, "sh", "-c", "read -r l < /etc/dnf-did; echo $l; test -e /etc/gone || echo gone"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("-y --setopt=install_weak_deps=0 install pam-devel\ngone\n", out.String()); diff != "" {
		t.Errorf("inside (-want +got):\n%s", diff)
	}
	want := &Root{Layers: root.Layers, Image: image, Native: true, Packages: []LockedPackage{{"pam-devel", "1-2.el9", "x86_64", "abc"}}}
	if diff := cmp.Diff(want, root); diff != "" || len(root.Layers) != 2 {
		t.Errorf("root of %d layers (-want +got):\n%s", len(root.Layers), diff)
	}
	if info, err := os.Stat(root.Layers[1] + "/bin/busybox"); err != nil || info.Mode() != 0o755 {
		t.Errorf("set-user-ID program: got %v %v", info.Mode(), err)
	}
	_, err = m.Root(t.Context(), target, Needs{Native: []string{"no-such-devel"}})
	if err == nil || !strings.Contains(err.Error(), "build dependencies of el9") || !strings.Contains(err.Error(), "no-such-devel") {
		t.Errorf("unknown package: got %v", err)
	}
}

func TestUnpackOrder(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	err := unpack(bytes.NewReader(archive(t,
		link(tar.TypeLink, "a/hard", "b/file"),
		file("b/file", "text", 0o6640),
		link(tar.TypeSymlink, "run", "/var/run"),
		entry{tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}, ""},
		entry{tar.Header{Name: "./b/", Typeflag: tar.TypeDir, Mode: 0o1750, Uid: 12, Gid: 34}, ""},
		file("/abs", "inside", 0o600),
	)), dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"find", dir, "-mindepth", "1", "-printf", "%P %M %n %U:%G:%l\n"}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(sorted(strings.Split(strings.TrimSpace(string(out)), "\n")), "\n")
	want := strings.Join([]string{
		"a drwxr-xr-x 2 0:0:", "a/hard -rw-r----- 2 0:0:", "abs -rw------- 1 0:0:", "b drwxr-x--T 2 12:34:",
		"b/file -rw-r----- 2 0:0:", "dev drwxr-xr-x 2 0:0:", "run lrwxrwxrwx 1 0:0:/var/run",
	}, "\n")
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnpackStaysInside feeds archives that try to write elsewhere.
func TestUnpackStaysInside(t *testing.T) {
	for name, entries := range map[string][]entry{
		"dots":                    {file("../evil", "x", 0o644)},
		"dots inside":             {file("a/../../evil", "x", 0o644)},
		"through a link":          {link(tar.TypeSymlink, "up", ".."), file("up/evil", "x", 0o644)},
		"through an absolute one": {link(tar.TypeSymlink, "up", "OUTSIDE"), file("up/evil", "x", 0o644)},
		"over a link":             {link(tar.TypeSymlink, "evil", "OUTSIDE/evil"), file("evil", "x", 0o644)},
		"hard link to outside":    {link(tar.TypeLink, "taken", "../victim")},
		"hard link through one":   {link(tar.TypeSymlink, "up", ".."), link(tar.TypeLink, "taken", "up/victim")},
		"folder through one":      {link(tar.TypeSymlink, "up", ".."), {tar.Header{Name: "up/evil", Typeflag: tar.TypeDir, Mode: 0o755}, ""}},
		"mode through one":        {link(tar.TypeSymlink, "up", "../victim"), {tar.Header{Name: "up", Typeflag: tar.TypeDir, Mode: 0o777}, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			write(t, outside+"/victim", "")
			dir := outside + "/tree"
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for i := range entries {
				entries[i].Linkname = strings.ReplaceAll(entries[i].Linkname, "OUTSIDE", outside)
			}
			if err := unpack(bytes.NewReader(archive(t, entries...)), dir); err == nil {
				t.Errorf("no error")
			}
			if exists(outside+"/evil") || exists(dir+"/taken") {
				t.Errorf("it got out")
			}
			if info, err := os.Stat(outside + "/victim"); err != nil || info.Mode() != 0o755 {
				t.Errorf("the victim was changed: %v %v", info.Mode(), err)
			}
		})
	}
}

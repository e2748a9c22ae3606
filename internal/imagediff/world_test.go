package imagediff

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/testkit/registry"
)

// world is a registry behind a counting proxy.
type world struct {
	*testing.T
	*registry.Proxy
	client *oci.Client
}

func newWorld(t *testing.T, kind registry.Kind) *world {
	t.Helper()
	return &world{t, registry.NewProxy(t, registry.Start(t, kind).Host), oci.New(oci.Config{
		Idle: time.Second, Deadline: 10 * time.Second, Backoff: 5 * time.Millisecond, Attempts: 3,
	})}
}

func (w *world) repository() string { return w.Host + "/os" }

// archive makes a tar of files: by path, their text. "-> TARGET" is a symbolic link, "=>
// TARGET" a hard one, "fifo" is one, and a path that ends in / a folder.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: path, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(files[path]))}
		target, isLink := strings.CutPrefix(files[path], "-> ")
		other, isHard := strings.CutPrefix(files[path], "=> ")
		switch {
		case files[path] == "fifo":
			header.Typeflag, header.Size = tar.TypeFifo, 0
		case isHard:
			header.Typeflag, header.Size, header.Linkname = tar.TypeLink, 0, other
		case isLink:
			header.Typeflag, header.Size, header.Linkname = tar.TypeSymlink, 0, target
		case strings.HasSuffix(path, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := io.WriteString(w, files[path]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(raw)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t *testing.T, raw []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(raw, nil)
}

// layer makes a gzipped layer of files.
func layer(t *testing.T, files map[string]string) v1.Layer {
	t.Helper()
	return static.NewLayer(gzipped(t, archive(t, files)), types.OCILayer)
}

// image makes an image of layers; edit may change its configuration.
func image(t *testing.T, edit func(*v1.ConfigFile), layers ...v1.Layer) v1.Image {
	t.Helper()
	file := &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}}
	if edit != nil {
		edit(file)
	}
	made := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	made, err := mutate.ConfigFile(made, file)
	if err == nil {
		made, err = mutate.AppendLayers(made, layers...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) push(what remote.Taggable) string {
	w.Helper()
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		w.Fatal(err)
	}
	ref, err := name.NewDigest(w.repository() + "@" + digest.String())
	if err != nil {
		w.Fatal(err)
	}
	if index, ok := what.(v1.ImageIndex); ok {
		err = remote.WriteIndex(ref, index)
	} else {
		err = remote.Write(ref, what.(v1.Image))
	}
	if err != nil {
		w.Fatal(err)
	}
	return digest.String()
}

func (w *world) read(digest string) Image {
	w.Helper()
	read, err := Read(w.Context(), w.client, w.repository(), digest)
	if err != nil {
		w.Fatal(err)
	}
	return read
}

// diff pushes two images and compares them, packages too.
func (w *world) diff(a, b remote.Taggable) Diff {
	w.Helper()
	d, err := w.tryDiff(a, b)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) tryDiff(a, b remote.Taggable) (Diff, error) {
	w.Helper()
	first, second := w.read(w.push(a)), w.read(w.push(b))
	w.Forget()
	err := ReadPackages(w.Context(), w.client, &first, &second, nil)
	return Compare(first, second), err
}

// blobs are the digests of the blobs that were asked for.
func (w *world) blobs() []string {
	var all []string
	for _, r := range w.Requests() {
		if _, digest, ok := strings.Cut(r.Path, "/blobs/"); ok {
			all = append(all, digest)
		}
	}
	return all
}

// deb is a paragraph of dpkg's status file.
func deb(name, version string) string {
	return "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\nDescription: it\n is\n .\n fine: really\n\n"
}

// said writes what differs in packages, for tables.
func said(p Packages) string {
	var out bytes.Buffer
	p.print(&out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

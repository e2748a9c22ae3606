package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	gglayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"slipway.dev/slipway/internal/disk/tree"
	servers "slipway.dev/slipway/internal/testkit/registry"
)

// imageOf writes an image, whose layers have a file each, into an OCI layout.
func imageOf(t *testing.T, kind types.MediaType, contents ...string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	blobs := filepath.Join(folder, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(kind types.MediaType, data []byte) v1.Descriptor {
		h := v1.Hash{Algorithm: "sha256", Hex: sum(data)}
		if err := os.WriteFile(filepath.Join(blobs, h.Hex), data, 0o644); err != nil {
			t.Fatal(err)
		}
		return v1.Descriptor{MediaType: kind, Digest: h, Size: int64(len(data))}
	}
	encode := func(kind types.MediaType, value any) v1.Descriptor {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return put(kind, data)
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	config := v1.ConfigFile{OS: "linux", Architecture: "amd64"}
	for i, content := range contents {
		archive := packed(t, fmt.Sprintf("file-%d", i), content)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: sum(archive)})
		m.Layers = append(m.Layers, put(kind, compressed(t, kind, archive)))
	}
	m.Config = encode(types.OCIConfigJSON, config)
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{encode(m.MediaType, m)}}
	d := encode(types.OCIImageIndex, index)
	for file, data := range map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": read(t, filepath.Join(blobs, d.Digest.Hex))} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func packed(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	b.WriteString(strings.Repeat("\x00", 8192)) // as much as GNU tar fills up
	return b.Bytes()
}

func compressed(t *testing.T, kind types.MediaType, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case types.OCILayer:
		w := gzip.NewWriter(&b)
		_, err = w.Write(data)
		err = errors.Join(err, w.Close())
	case types.OCILayerZStd:
		var w *zstd.Encoder
		if w, err = zstd.NewWriter(&b); err == nil {
			_, err = w.Write(data)
			err = errors.Join(err, w.Close())
		}
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cacheFor(t *testing.T, folder string, say func(string)) Cache {
	t.Helper()
	return Cache{Folder: folder, Scratch: t.TempDir(), Bound: 1 << 30, Say: say}
}

// unpackedText unpacks an image, and returns what is in its files.
func unpackedText(t *testing.T, c Cache, reference string) (text string, release func()) {
	t.Helper()
	i, err := Open(t.Context(), reference, c.Say)
	if err != nil {
		t.Fatal(err)
	}
	layers, release, err := c.Unpacked(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.Merge(layers)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range root.Names() {
		text += read(t, root.Children[name].Content) + "\n"
	}
	return text, release
}

// A layer is read as it is compressed, from a folder and from registries, and all give
// the tar of it too.
func TestForms(t *testing.T) {
	hosts := []string{""}
	for _, kind := range []servers.Kind{servers.InProcess, servers.Debian} {
		hosts = append(hosts, servers.Start(t, kind).Host)
	}
	for kind, how := range map[types.MediaType]string{types.OCILayer: "gzip", types.OCILayerZStd: "zstd", types.OCIUncompressedLayer: "plain"} {
		folder := imageOf(t, kind, "lower", "upper", "lower")
		for _, host := range hosts {
			reference := "oci:" + folder
			if host != "" {
				reference = host + "/os/" + how + ":v1"
				push(t, folder, reference)
			}
			t.Run(how+" "+host, func(t *testing.T) { checkImage(t, reference) })
		}
	}
}

func checkImage(t *testing.T, reference string) {
	t.Helper()
	c := cacheFor(t, t.TempDir(), func(s string) { t.Log(s) })
	got, release := unpackedText(t, c, reference)
	defer release()
	if got != "lower\nupper\nlower\n" {
		t.Errorf("got %q", got)
	}
	i, err := Open(t.Context(), reference, c.Say)
	if err != nil {
		t.Fatal(err)
	}
	files, err := c.Layers(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(files)
	first := make([]byte, 4096)
	if _, err := files[1].ReadAt(first, 0); err != nil || !bytes.Contains(first, []byte("upper")) {
		t.Errorf("the tar of the second layer has %q, %v", first, err)
	}
}

func push(t *testing.T, folder, tagged string) {
	t.Helper()
	index, err := gglayout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(tagged)
	if err == nil {
		err = remote.Write(tag, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A second image with one other layer brings that alone.
func TestUnpacksOnce(t *testing.T) {
	var brought []string
	folder := t.TempDir()
	c := cacheFor(t, folder, func(s string) { brought = append(brought, s) })
	_, release := unpackedText(t, c, "oci:"+imageOf(t, types.OCILayer, "base", "one"))
	release()
	second := imageOf(t, types.OCILayer, "base", "two")
	layers := filepath.Join(second, "blobs", "sha256")
	base := sum(compressed(t, types.OCILayer, packed(t, "file-0", "base")))
	if err := os.Remove(filepath.Join(layers, base)); err != nil { // so it cannot be read again
		t.Fatal(err)
	}
	got, release := unpackedText(t, c, "oci:"+second)
	defer release()
	if got != "base\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

// A layer that was damaged in the cache is made anew.
func TestDamagedIsMadeAnew(t *testing.T) {
	folder, image := t.TempDir(), "oci:"+imageOf(t, types.OCILayer, "whole")
	var said []string
	c := cacheFor(t, folder, func(s string) { said = append(said, s) })
	for _, file := range []string{"1", "index"} {
		_, release := unpackedText(t, c, image)
		release()
		layers, err := filepath.Glob(filepath.Join(folder, "*", file))
		if err != nil || len(layers) != 1 || os.Truncate(layers[0], 0) != nil {
			t.Fatalf("%v, %v", layers, err)
		}
		got, release := unpackedText(t, c, image)
		release()
		if got != "whole\n" || !strings.Contains(strings.Join(said, "\n"), "is unpacked anew") {
			t.Errorf("got %q, said %q", got, said)
		}
		said = nil
	}
}

// What was not used for the longest time goes first, and what is used does not.
func TestPrune(t *testing.T) {
	folder := t.TempDir()
	c := cacheFor(t, folder, func(string) {})
	for i, content := range []string{"oldest", "middle", "newest"} {
		_, release := unpackedText(t, c, "oci:"+imageOf(t, types.OCILayer, content))
		if content == "oldest" {
			defer release() // it stays in use
		} else {
			release()
		}
		id := sum(packed(t, "file-0", content))
		old := time.Now().Add(time.Duration(i-9) * time.Hour)
		if err := os.Chtimes(filepath.Join(folder, id), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		bound int64
		want  []string
	}{{18, []string{"oldest", "middle", "newest"}}, {17, []string{"oldest", "newest"}}, {0, []string{"oldest"}}} {
		c.Bound = tt.bound
		if err := c.Prune(); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, content := range tt.want {
			want = append(want, sum(packed(t, "file-0", content)))
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("within %d bytes: got %v, want %v", tt.bound, got, want)
		}
	}
}

// Builds that share a cache, while others prune all of it, each find their layers whole.
func TestSharedCache(t *testing.T) {
	folder := t.TempDir()
	var images []string
	for i := range 3 {
		images = append(images, "oci:"+imageOf(t, types.OCILayer, "base "+rand.Text(), fmt.Sprint("top ", i)))
	}
	var group sync.WaitGroup
	for n := range 6 {
		c := cacheFor(t, folder, func(string) {})
		c.Bound = 0
		group.Go(func() {
			for range 20 {
				got, release := unpackedText(t, c, images[n%3])
				if !strings.HasPrefix(got, "base ") || !strings.HasSuffix(got, fmt.Sprintf("\ntop %d\n", n%3)) {
					t.Errorf("got %q", got)
				}
				release()
				if err := c.Prune(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

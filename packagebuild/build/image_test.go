package build

import (
	"compress/gzip"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/packagebuild/root"
)

// TestBuildInAnImage builds in a container image that a target's row names: here one
// that holds what a clean root of Debian 12 holds, from a registry on loopback.
func TestBuildInAnImage(t *testing.T) {
	b := inCleanRoot(t)
	req := deb12(t, debSource(t, "echo hello > $OUT/greeting"))
	clean, err := b.Roots.Root(t.Context(), req.Target, root.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	image := push(t, clean.Layers[len(clean.Layers)-1])
	req.Target.Root.Suite, req.Target.Root.Image = "", image
	b.Roots = &root.Manager{Cache: t.TempDir(), Log: b.Log}
	t.Cleanup(func() { _ = b.Roots.Close() })
	out := t.TempDir()
	result, err := b.Build(t.Context(), req, out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(content(t, filepath.Join(out, debName)), "hello") || result.Root != "image "+image {
		t.Errorf("got %+v", result)
	}
}

// push makes an image of one folder and returns its name with the digest.
func push(t *testing.T, folder string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "layer.tar")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"tar", "-C", folder, "-cf", archive, "."}}); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return os.Open(archive) },
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching)
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	repository, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/guest/root")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repository.Tag("latest"), image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return repository.Digest(digest.String()).String()
}

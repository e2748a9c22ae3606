package releasecmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/promotion"
)

// The example that the documentation shows is released as it is.
func TestExample(t *testing.T) {
	w := newWorld(t)
	if err := os.RemoveAll(filepath.Join(w.checkout, "images")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(w.checkout, os.DirFS(filepath.Join("..", "..", "..", "..", "examples", "hello-os"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.checkout, "images", "hello-os"), w.folder()); err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(w.folder(), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.folder(), "Dockerfile"), strings.Replace(string(dockerfile), "COPY hello-os", "COPY "+w.image, 1))
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", "First")
	if r := w.mustRelease("main"); r.State != promotion.Moved || r.Digest != w.tag("next") {
		t.Errorf("got %+v", r)
	}
}

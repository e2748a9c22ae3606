// Package images checks the images of this folder with the commands that people use.
package images

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// program is slipway, built from this checkout.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "slipway-images-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "slipway")
	if err := exec.Run(context.Background(), exec.Cmd{Args: []string{"go", "build", "-o", program, "./cmd/slipway"}, Dir: ".."}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Whatever an image stands on is of this tree or pinned by digest.
func TestVerify(t *testing.T) {
	if out, err := (place{checkout: ".."}).slipway(t.Context(), "image", "verify"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// An image built in two checkouts, each with a storage and downloads of its own, and
// the second one compiled anew, is the same image. SLIPWAY_E2E=images does it for all
// images, which takes minutes.
func TestSameImageEverywhere(t *testing.T) {
	need.Root(t)
	need.Tool(t, "podman", "podman")
	need.Tool(t, "mmdebstrap", "mmdebstrap")
	wanted := []string{"packagebuild", "debian/bookworm"} // one on scratch, one of Debian
	if os.Getenv("SLIPWAY_E2E") == "images" {
		wanted = []string{"--all"}
	}
	here, there := elsewhere(t), elsewhere(t)
	there.env = append(there.env, "GOCACHE="+t.TempDir())
	first, second := here.build(t, wanted), there.build(t, wanted)
	if len(first) < len(wanted) {
		t.Fatalf("built %v", first)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("image IDs differ (-first +second):\n%s", diff)
	}
}

// place is a checkout with everything that builds keep apart from the others'.
type place struct {
	checkout string
	env      []string
}

// elsewhere copies the tracked files into a new checkout, with nothing built before.
func elsewhere(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { makeRemovable(t, dir) })
	p := place{checkout: filepath.Join(dir, "somewhere", "slipway")}
	files := output(t, exec.Cmd{Args: []string{"git", "ls-files", "-z"}, Dir: ".."})
	for name := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		copyFile(t, filepath.Join("..", name), filepath.Join(p.checkout, name))
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		output(t, exec.Cmd{Args: append([]string{"git"}, args...), Dir: p.checkout})
	}
	storage := filepath.Join(dir, "storage.conf")
	text := "[storage]\ndriver = \"overlay\"\ngraphroot = \"" + dir + "/storage\"\nrunroot = \"" + dir + "/run\"\n"
	if err := os.WriteFile(storage, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p.env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+storage, "XDG_CACHE_HOME="+dir+"/cache")
	return p
}

// build returns the image ID of each image by its name.
func (p place) build(t *testing.T, names []string) map[string]string {
	t.Helper()
	began := time.Now()
	out, err := p.slipway(t.Context(), append([]string{"image", "build", "--output", "json"}, names...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("built %s in %v", strings.Join(names, " "), time.Since(began).Round(time.Second))
	var results []struct{ Image, ID string }
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, r := range results {
		ids[r.Image] = r.ID
	}
	return ids
}

// slipway runs the program that TestMain built.
func (p place) slipway(ctx context.Context, args ...string) ([]byte, error) {
	return exec.Output(ctx, exec.Cmd{Args: append([]string{program}, args...), Dir: p.checkout, Env: p.env})
}

func output(t *testing.T, c exec.Cmd) []byte {
	t.Helper()
	out, err := exec.Output(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	if os.IsNotExist(err) {
		return // deleted, and not committed
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
}

// makeRemovable unmounts what podman left mounted below a folder.
func makeRemovable(t *testing.T, dir string) {
	t.Helper()
	for _, mounted := range []string{"storage/overlay", "storage"} {
		_ = exec.Run(context.WithoutCancel(t.Context()), exec.Cmd{Args: []string{"umount", "--quiet", filepath.Join(dir, mounted)}})
	}
}

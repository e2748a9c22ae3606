package imagecmd

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/debian"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/testkit/need"
)

// lockTree is a checkout with a base of three packages, two images on it, and one
// without packages.
func lockTree(t *testing.T) string {
	t.Helper()
	need.Tool(t, "git", "git")
	lock, err := debian.ReadLock("../../../images/debian/bookworm/debian.lock")
	if err != nil {
		t.Fatal(err)
	}
	lock.Packages["amd64"] = slices.DeleteFunc(lock.Packages["amd64"], func(p debian.Package) bool {
		return !slices.Contains([]string{"gcc-12-base", "libc6", "libgcc-s1"}, p.Name)
	})
	checkout := t.TempDir()
	for name, text := range map[string]string{
		"base/Dockerfile": "FROM scratch\n", "base/debian.yaml": "suite: bookworm\npackages: [apt, usr-is-merged]\n",
		"base/debian.lock":   string(lock.Format("base")),
		"between/Dockerfile": "FROM slipway.dev/images/base\n",
		"tools/Dockerfile":   "FROM slipway.dev/images/plain AS plain\nFROM slipway.dev/images/between\nCOPY --from=plain / /\n",
		"tools/debian.yaml":  "packages: [hello]\n",
		"plain/Dockerfile":   "FROM scratch\n",
	} {
		path := filepath.Join(checkout, "images", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"git", "init", "--quiet"}, {"git", "add", "."}} {
		if err := exec.Run(t.Context(), exec.Cmd{Args: args, Dir: checkout}); err != nil {
			t.Fatal(err)
		}
	}
	return checkout
}

// runLock runs the command and returns its exit code and what it said.
func runLock(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	env := cli.Env{Args: args, Stdout: &out, Stderr: &said, Getenv: os.Getenv}
	code = cli.Run(t.Context(), env, lockCommand(env))
	return code, out.String(), said.String()
}

// TestLock locks what an image adds to the base that it stands on, two below.
func TestLock(t *testing.T) {
	need.Tool(t, "apt-get", "apt")
	checkout := lockTree(t)
	for _, want := range []string{"tools\t1 packages for amd64\n", "tools\tunchanged\n"} {
		code, stdout, stderr := runLock(t, "--checkout", checkout, "tools")
		if diff := cmp.Diff(want, stdout); code != cli.ExitDone || diff != "" {
			t.Fatalf("exit code %d, output (-want +got):\n%s%s", code, diff, stderr)
		}
	}
	lock, err := debian.ReadLock(filepath.Join(checkout, "images", "tools", "debian.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if list := lock.Packages["amd64"]; len(list) != 1 || list[0].Name != "hello" || lock.Suite != "bookworm" {
		t.Errorf("got %+v, want hello of bookworm", lock)
	}
}

func TestLockMisused(t *testing.T) {
	checkout := lockTree(t)
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing named", nil, cli.ExitMisused, "name the images to lock, or all of them by --all"},
		{"both", []string{"--all", "tools"}, cli.ExitMisused, "or all of them by --all"},
		{"unknown", []string{"tool"}, cli.ExitMisused, "tool"},
		{"no packages", []string{"plain"}, cli.ExitMisused, "no image of that name has a debian.yaml"},
		{"bad mirror", []string{"tools", "--debian-mirror", "http://127.0.0.1:1", "--debian-snapshot", "http://127.0.0.1:1", "--cache", t.TempDir()}, cli.ExitFailed, "fetch package"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := runLock(t, append(tt.args, "--checkout", checkout)...)
			if code != tt.code || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tt.code, tt.want, stderr)
			}
		})
	}
}

// TestRemind names what stands on an image that has changed.
func TestRemind(t *testing.T) {
	checkout := lockTree(t)
	tree, err := image.Open(t.Context(), image.Config{Checkout: checkout})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	l := locking{env: cli.Env{Stderr: &said}, tree: tree}
	if err := l.remind([]string{"base"}, []image.Image{{Name: "base"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(said.String(), "slipway image lock tools\n") {
		t.Errorf("got %q", said.String())
	}
}

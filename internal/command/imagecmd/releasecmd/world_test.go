package releasecmd

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
)

// asJob makes this program the job binary. Its lease is short, so that a killed run is
// soon known to be dead.
const asJob = "SLIPWAY_TEST_OS_IMAGE_BUILDER"

func TestMain(m *testing.M) {
	if os.Getenv(asJob) != "" {
		cli.Main(func(env cli.Env) *cobra.Command { return osImageBuilder(env, time.Second) })
	}
	os.Exit(m.Run())
}

// world is a repository with an image, a registry, a store and a configuration.
type world struct {
	*testing.T
	dir      string
	checkout string
	image    string // its name in the repository, which nothing else on this machine has
	proxy    *registry.Proxy
	location string
}

const dockerfile = `FROM scratch AS image
COPY busybox what /
LABEL containers.bootc=1
FROM image AS test
COPY check /check
RUN ["/busybox", "sh", "/check"]
FROM image
`

func newWorld(t *testing.T) *world {
	t.Helper()
	need.Tool(t, "git", "git")
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	w := &world{T: t, dir: t.TempDir(), image: "test-" + strings.ToLower(rand.Text()[:12])}
	w.checkout = filepath.Join(w.dir, "os")
	w.proxy = registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	w.location = w.proxy.Host + "/team/os"
	t.Cleanup(w.forget)
	for _, key := range []string{"unit", "other"} {
		w.must(promotecmd.EvidenceGroup, "keygen", filepath.Join(w.dir, key))
	}
	w.write(filepath.Join(w.dir, "channels.yaml"), w.channels())
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.folder(), "busybox"), string(data))
	w.write(filepath.Join(w.folder(), "Dockerfile"), dockerfile)
	w.git("init", "--quiet", "--initial-branch=main")
	return w
}

func (w *world) channels() string {
	return fmt.Sprintf(`
signers:
  unit: {key: unit.pub}
  maintainers: {ssh: maintainers}
people: {maintainer-one: [maintainer-one@example.com]}
channels:
  image:
  - name: next
    gate: {tests: [{name: unit, signers: [unit]}, {name: lint, signers: [unit]}]}
  - name: testing
    from: next
    order: held
    gate: {tests: [{name: unit, signers: [unit]}], approvals: {count: 1, tags: [maintainers]}}
artifacts:
- {name: os, kind: image, location: %s, channels: image, repository: %q}
`, w.location, w.checkout)
}

func (w *world) folder() string { return filepath.Join(w.checkout, "images", w.image) }

func (w *world) write(path, text string) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		w.Fatal(err)
	}
	if filepath.Base(path) == "channels.yaml" {
		w.write(filepath.Join(w.dir, "maintainers"), "maintainer-one@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMXGsRhzd0VnVvPyVuUmVjYQhXJ3xPYzC0oVb2WkJxkd\n")
	}
}

// commit commits that the image holds what, and its test runs check.
func (w *world) commit(what, check string) string {
	w.Helper()
	w.write(filepath.Join(w.folder(), "what"), what+"\n")
	w.write(filepath.Join(w.folder(), "check"), check+"\n")
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", what)
	return w.git("rev-parse", "HEAD")
}

func (w *world) git(args ...string) string {
	w.Helper()
	out, err := exec.Output(w.Context(), exec.Cmd{Args: append([]string{"git"}, args...), Dir: w.checkout, Env: append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Tester", "GIT_AUTHOR_EMAIL=tester@example.com",
		"GIT_COMMITTER_NAME=Tester", "GIT_COMMITTER_EMAIL=maintainer-one@example.com")})
	if err != nil {
		w.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// args are those of a release of a commit.
func (w *world) args(commit string, more ...string) []string {
	return append([]string{"os", "--repo", w.checkout, "--commit", commit, "--image", w.image, "--config", filepath.Join(w.dir, "channels.yaml"),
		"--store", w.store(), "--key", filepath.Join(w.dir, "unit.key"), "--log", "https://ci.example.com/1", "--cache", filepath.Join(w.dir, "cache"),
		"--label", "containers.bootc=1", "--output", "json"}, more...)
}

func (w *world) store() string { return filepath.Join(w.dir, "store") }

// release runs the job binary in this process.
func (w *world) release(commit string, more ...string) (code int, r Result, said string) {
	w.Helper()
	code, out, said := call(w.Context(), func(env cli.Env) *cobra.Command { return osImageBuilder(env, time.Second) }, w.args(commit, more...)...)
	if out != "" {
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			w.Fatalf("%v: %s", err, out)
		}
	}
	return code, r, said
}

func (w *world) mustRelease(commit string, more ...string) Result {
	w.Helper()
	code, r, said := w.release(commit, more...)
	if code != cli.ExitDone {
		w.Fatalf("exit code %d:\n%s", code, said)
	}
	return r
}

func call(ctx context.Context, command func(cli.Env) *cobra.Command, args ...string) (code int, stdout, stderr string) {
	var out, said bytes.Buffer
	env := cli.Env{Args: args, Stdout: &out, Stderr: &said, Getenv: func(string) string { return "" }}
	return cli.Run(ctx, env, command(env)), out.String(), said.String()
}

func (w *world) must(command func(cli.Env) *cobra.Command, args ...string) string {
	w.Helper()
	code, out, said := call(w.Context(), command, args...)
	if code != cli.ExitDone {
		w.Fatalf("%v: exit code %d:\n%s%s", args, code, out, said)
	}
	return out
}

// tag is what a tag of the registry is; empty if there is none.
func (w *world) tag(tag string) string {
	w.Helper()
	ref, err := name.NewTag(w.location + ":" + tag)
	if err != nil {
		w.Fatal(err)
	}
	found, err := remote.Head(ref)
	if err != nil {
		return ""
	}
	return found.Digest.String()
}

func (w *world) want(tag, digest string) {
	w.Helper()
	if got := w.tag(tag); got != digest {
		w.Errorf("%s is %q, want %q", tag, got, digest)
	}
}

// audit sees that the channels are as their ledgers say.
func (w *world) audit() {
	w.Helper()
	w.must(promotecmd.ChannelGroup, "audit", "--config", filepath.Join(w.dir, "channels.yaml"), "--store", w.store())
}

// forget removes what podman has of the test's image.
func (w *world) forget() {
	ctx := context.Background()
	cache := filepath.Join(w.dir, "cache")
	engine, err := podman.New(cache)
	if err != nil {
		w.Error(err)
		return
	}
	left, _ := filepath.Glob(filepath.Join(cache, "images", "work", "image-*"))
	for _, folder := range left { // of runs that were killed
		if err := engine.Clean(ctx, folder); err != nil {
			w.Error(err)
		}
	}
	stored, err := engine.Images(ctx)
	if err != nil {
		w.Error(err)
	}
	for _, image := range stored {
		for _, name := range image.Names {
			if strings.Contains(name, "/"+w.image+":") {
				_ = engine.Remove(ctx, name)
			}
		}
	}
}

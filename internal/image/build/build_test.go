package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/image"
)

// Built twice, in another folder, with nothing of the first left: one image ID.
func TestBuildTwiceElsewhere(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	ids := make([]map[string]string, 2)
	for i := range ids {
		b := builder(t, prefix, with(tiny, prefix, nil))
		write(t, b.Tree.Checkout(), map[string]string{})
		ids[i] = map[string]string{}
		for _, name := range []string{"child", "program"} {
			result, err := b.Build(ctx, name, runtime.GOARCH, false)
			if err != nil {
				t.Fatal(err)
			}
			if result.How != Built {
				t.Errorf("%s was %s, not built", name, result.How)
			}
			ids[i][name] = result.ID
		}
		checkChild(t, prefix)
		for _, stored := range storage(t, b.Podman) {
			for _, name := range stored.Names {
				if strings.HasPrefix(name, prefix+"/") {
					run(t, "", "podman", "rmi", name)
				}
			}
		}
	}
	if diff := cmp.Diff(ids[0], ids[1]); diff != "" {
		t.Errorf("image IDs (-first +second):\n%s", diff)
	}
}

// checkChild checks that an image holds the tracked files with fixed modes and
// times, less what .dockerignore names.
func checkChild(t *testing.T, prefix string) {
	t.Helper()
	container := run(t, "", "podman", "create", "--network", "none", prefix+"/child", "none")
	copied := filepath.Join(t.TempDir(), "copied")
	run(t, "", "podman", "cp", container+":/listing", copied)
	run(t, "", "podman", "cp", container+":/made", copied+"-made")
	run(t, "", "podman", "rm", container)
	listing := run(t, "", "cat", copied, copied+"-made")
	for _, want := range []string{"-rwxr-xr-x    1 0        0               10 Jan  1  1970 script", "drwxr-xr-x", "made"} {
		if !strings.Contains(listing, want) {
			t.Errorf("the image lacks %q:\n%s", want, listing)
		}
	}
	if strings.Contains(listing, "secret") {
		t.Errorf("the image holds what .dockerignore names:\n%s", listing)
	}
}

func TestRebuildTellsTheIDBefore(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	first, err := b.Build(ctx, "base", runtime.GOARCH, false)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Build(ctx, "base", runtime.GOARCH, true)
	if err != nil {
		t.Fatal(err)
	}
	want := first
	want.Before = first.ID
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("built again (-want +got):\n%s", diff)
	}
	present, err := b.Build(ctx, "base", runtime.GOARCH, false)
	if err != nil || present.How != Present {
		t.Errorf("built once more: %v, %v; want it to be present", present.How, err)
	}
	if got := storage(t, b.Podman).ID(prefix + "/base:latest"); got != first.ID {
		t.Errorf("latest is %s, want %s", got, first.ID)
	}
}

// latest follows the checkout, wherever it pointed before.
func TestLatestFollows(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	old := builder(t, prefix, with(tiny, prefix, nil))
	before, err := old.Load(ctx, "base", runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	changed := builder(t, prefix, with(tiny, prefix, map[string]string{"images/base/more": "x", "images/base/Dockerfile": "FROM scratch\nCOPY . /\n"}))
	if _, err := changed.Load(ctx, "base", runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Load(ctx, "base", runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	if got := storage(t, old.Podman).ID(prefix + "/base:latest"); got != before.ID {
		t.Errorf("latest is %s, want %s", got, before.ID)
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, map[string]string{
		"images/bad/Dockerfile": "FROM PREFIX/base AS first\nRUN echo first-" + prefix[13:] + " > /x\nFROM first\nRUN echo why it fails; exit 7\n",
	}))
	if _, err := b.Load(ctx, "base", runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	_, err := b.Build(ctx, "bad", runtime.GOARCH, false)
	if err == nil {
		t.Fatal("it was built")
	}
	for _, want := range []string{"build bad: podman build: exit status", "why it fails", "exit status 7", "the whole log: " + b.Cache} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	checkNothingLeft(t, b, prefix+"/bad")
}

// What podman leaves when it is killed, Slipway removes: the process of RUN, working
// containers, images of stages, the context.
func TestCancelledBuildLeavesNothing(t *testing.T) {
	prefix := prefix(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	b := builder(t, prefix, with(tiny, prefix, map[string]string{
		"images/slow/Dockerfile": "FROM PREFIX/base AS first\nRUN echo first-" + prefix[13:] + " > /x\nFROM first\nRUN --mount=type=bind,from=PREFIX/base,target=/m echo begun; sleep 987\n",
	}))
	log := &logged{}
	b.Log = log.log
	stop := errors.New("stopped by the test")
	go func() {
		log.await(t, "\nbegun")
		cancel(stop)
	}()
	_, err := b.Build(ctx, "slow", runtime.GOARCH, false)
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	checkNothingLeft(t, b, prefix+"/slow")
	for _, path := range glob(t, "/proc/[0-9]*/cmdline") {
		if data, err := os.ReadFile(path); err == nil && string(data) == "sleep\x00987\x00" {
			t.Errorf("%s still runs", path)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// checkNothingLeft checks that a build which ended early left no name, no nameless
// image of its stages, no working container and no scratch folder.
func checkNothingLeft(t *testing.T, b *Builder, name string) {
	t.Helper()
	for _, stored := range storage(t, b.Podman) {
		for _, n := range stored.Names {
			if strings.HasPrefix(n, name+":") {
				t.Errorf("%s is left", n)
			}
		}
		if len(stored.Names) == 0 && strings.Contains(run(t, "", "podman", "history", "--no-trunc", stored.ID), "first-"+name[13:23]) {
			t.Errorf("the image %s of a stage is left", stored.ID)
		}
	}
	for _, path := range glob(t, "/var/lib/containers/storage/overlay-containers/*/userdata/buildah.json") {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), name[:23]) {
			t.Errorf("a working container is left: %s", path)
		}
	}
	if left := glob(t, filepath.Join(b.Cache, "work", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTwoAtOnce(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	results := make([]Result, 2)
	err := each.Do([]string{"one", "two"}, func(i int, _ string) (err error) {
		results[i], err = b.Build(ctx, "child", runtime.GOARCH, false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	hows := map[How]int{results[0].How: 1}
	hows[results[1].How]++
	if diff := cmp.Diff(map[How]int{Built: 1, Present: 1}, hows); diff != "" || results[0].ID != results[1].ID {
		t.Errorf("built and found (-want +got):\n%s\n%v", diff, results)
	}
}

func TestLockHasADeadline(t *testing.T) {
	b := New(Config{Cache: t.TempDir(), Timeout: 200 * time.Millisecond})
	to := target{image.Image{Name: "a/b"}, "amd64", strings.Repeat("0", 64)}
	unlock, err := b.lock(context.Background(), to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.lock(context.Background(), to); err == nil || !strings.Contains(err.Error(), "end that process if it hangs") {
		t.Errorf("got %v, want the lock's deadline", err)
	}
	unlock()
	if unlock, err = b.lock(context.Background(), to); err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestOtherArchitecture(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	b := builder(t, prefix, with(tiny, prefix, nil))
	result, err := b.Build(ctx, "program", other, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := prefix + "/program:" + result.Tag + "-" + other; result.Name != want {
		t.Errorf("it is called %s, want %s", result.Name, want)
	}
	if got := run(t, "", "podman", "image", "inspect", "--format", "{{.Architecture}}", result.Name); got != other {
		t.Errorf("it is for %s, want %s", got, other)
	}
	if id := storage(t, b.Podman).ID(prefix + "/program:latest"); id != "" {
		t.Errorf("latest names an image for %s", other)
	}
	if _, err := b.Build(ctx, "base", other, false); err == nil || !strings.Contains(err.Error(), "is not built for "+other) {
		t.Errorf("got %v, want a refusal", err)
	}
}

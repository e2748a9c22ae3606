package golang

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

const greetMod = "module example.com/greet\n"

// guest is a tree that requires example.com/greet, with a test module below it.
func guest(t *testing.T, extra map[string]string) []Module {
	t.Helper()
	tree := t.TempDir()
	writeTree(t, tree, map[string]string{
		"go.mod":  "module example.com/guest\n\ngo 1.21\n\nrequire example.com/greet v1.0.0\n",
		"main.go": "package main\n\nimport \"example.com/greet\"\n\nfunc main() { println(greet.Hello) }\n",
	})
	writeTree(t, tree, extra)
	modules, err := Find(tree)
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

func greetProxy(t *testing.T) fileProxy {
	proxy := newFileProxy(t)
	proxy.add(t, "example.com/greet", "v1.0.0", greetMod,
		map[string]string{"go.mod": greetMod, "greet.go": "package greet\n\nconst Hello = \"hello\"\n"})
	return proxy
}

func config(t *testing.T, proxy fileProxy) Config {
	need.Tool(t, "go", "golang-go")
	return Config{Cache: t.TempDir(), Env: proxy.env()}
}

// snapshot names every file of a tree with its time, mode and content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime(), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPrepareFillsTheCacheAndLeavesTheTree(t *testing.T) {
	cfg := config(t, greetProxy(t))
	modules := guest(t, nil)
	before := snapshot(t, modules[0].Dir)
	toolchain, err := Prepare(t.Context(), cfg, modules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(toolchain.ModCache, "example.com/greet@v1.0.0/greet.go")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, snapshot(t, modules[0].Dir)); diff != "" {
		t.Errorf("Prepare changed the tree (-before +after):\n%s", diff)
	}
}

func TestPrepareAgainNeedsNoProxy(t *testing.T) {
	proxy := greetProxy(t)
	cfg := config(t, proxy)
	modules := guest(t, nil)
	toolchain, err := Prepare(t.Context(), cfg, modules)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(proxy.dir, proxy.dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), cfg, modules); err != nil {
		t.Errorf("warm Prepare: %v", err)
	}
	// A module that somebody deleted is noticed, stamp or not.
	if err := os.RemoveAll(filepath.Join(toolchain.ModCache, "example.com")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(toolchain.ModCache, "cache", "download")); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), cfg, modules); err == nil {
		t.Error("Prepare with a deleted module and no proxy succeeded")
	}
}

func TestPrepareErrorsNameModuleAndFile(t *testing.T) {
	cfg := config(t, newFileProxy(t))
	modules := guest(t, nil)
	_, err := Prepare(t.Context(), cfg, modules)
	if err == nil {
		t.Fatal("Prepare without the module succeeded")
	}
	for _, want := range []string{"example.com/greet@v1.0.0", modules[0].GoMod(), "GOPROXY"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestPrepareLeavesOutABrokenNestedModule(t *testing.T) {
	modules := guest(t, map[string]string{
		"e2e/go.mod": "module example.com/e2e\n\ngo 1.21\n\nrequire example.com/private v1.0.0\n",
	})
	if _, err := Prepare(t.Context(), config(t, greetProxy(t)), modules); err != nil {
		t.Errorf("a test module that cannot be fetched stopped the build: %v", err)
	}
}

func TestPrepareVendoredFetchesNothing(t *testing.T) {
	modules := guest(t, map[string]string{"vendor/modules.txt": "# example.com/greet v1.0.0\n"})
	if _, err := Prepare(t.Context(), config(t, newFileProxy(t)), modules); err != nil {
		t.Errorf("a vendored module was fetched: %v", err)
	}
}

func TestPrepareWorkspace(t *testing.T) {
	modules := guest(t, map[string]string{
		"go.work":    "go 1.21\n\nuse (\n\t.\n\t./lib\n)\n",
		"lib/go.mod": "module example.com/lib\n\ngo 1.21\n",
	})
	if _, err := Prepare(t.Context(), config(t, greetProxy(t)), modules); err != nil {
		t.Error(err)
	}
}

func TestPrepareReplaceInTheTree(t *testing.T) {
	modules := guest(t, map[string]string{
		"go.mod":                "module example.com/guest\n\ngo 1.21\n\nrequire example.com/greet v1.0.0\n\nreplace example.com/greet => ./testdata/greet\n",
		"testdata/greet/go.mod": greetMod,
	})
	if _, err := Prepare(t.Context(), config(t, newFileProxy(t)), modules); err != nil {
		t.Error(err)
	}
}

func TestPrepareAtOnce(t *testing.T) {
	cfg := config(t, greetProxy(t))
	modules := guest(t, nil)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			_, err := Prepare(t.Context(), cfg, modules)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// A proxy with a toolchain whose go is a script that tells what it was given.
func TestPrepareFetchesANewerToolchain(t *testing.T) {
	const script = "#!/bin/sh\n" +
		"env > \"$(dirname \"$0\")/../environment\"\n" +
		"[ \"$1\" = mod ] || echo \"$(dirname \"$(dirname \"$0\")\")\n" + "go1.99.0\"\n"
	proxy := greetProxy(t)
	version := "v0.0.1-go1.99.0." + runtime.GOOS + "-" + runtime.GOARCH
	proxy.add(t, "golang.org/toolchain", version, "module golang.org/toolchain\n",
		map[string]string{"bin/go": script, "bin/gofmt": "", "src/_go.mod": "module std\n", "pkg/tool/x": "", "lib/x": ""})
	modules := guest(t, map[string]string{"go.mod": "module example.com/guest\n\ngo 1.99\n"})
	toolchain, err := Prepare(t.Context(), config(t, proxy), modules)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(toolchain.ModCache, "golang.org/toolchain@"+version); toolchain.Root != want || toolchain.Version != "go1.99.0" {
		t.Errorf("toolchain %s at %s, want go1.99.0 at %s", toolchain.Version, toolchain.Root, want)
	}
	seen, err := os.ReadFile(filepath.Join(toolchain.Root, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret", "NETRC", "GOAUTH", "-mod=vendor"} {
		if strings.Contains(string(seen), secret) {
			t.Errorf("the go command saw %s:\n%s", secret, seen)
		}
	}
}

func TestPrepareNoSuchToolchain(t *testing.T) {
	modules := guest(t, map[string]string{"go.mod": "module example.com/guest\n\ngo 1.99.7\n"})
	_, err := Prepare(t.Context(), config(t, newFileProxy(t)), modules)
	if err == nil || !strings.Contains(err.Error(), "go1.99.7") || !strings.Contains(err.Error(), modules[0].GoMod()) {
		t.Errorf("Prepare for a Go that nobody has = %v, want its name and the go.mod", err)
	}
}

func TestPrepareWithoutGo(t *testing.T) {
	cfg := config(t, newFileProxy(t))
	t.Setenv("PATH", t.TempDir())
	if _, err := Prepare(t.Context(), cfg, nil); !errors.Is(err, ErrNoGo) {
		t.Errorf("Prepare without go = %v, want %v", err, ErrNoGo)
	}
}

func TestPrepareHasADeadline(t *testing.T) {
	cfg := config(t, greetProxy(t))
	cfg.Timeout = time.Nanosecond
	_, err := Prepare(t.Context(), cfg, guest(t, nil))
	if err == nil || !strings.Contains(err.Error(), "longer than 1ns") {
		t.Errorf("Prepare without time = %v, want the deadline", err)
	}
}

// The build as a root runs it: no network, and a module cache mounted read-only.
func TestBuildOfflineFromReadOnlyCache(t *testing.T) {
	need.Root(t)
	need.Tool(t, "unshare", "util-linux")
	modules := guest(t, nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	toolchain, err := Prepare(t.Context(), config(t, greetProxy(t)), modules)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "guest")
	script := `mount --bind -o ro "$1" "$1" && cd "$2" && exec "$3/bin/go" build -o "$4" .`
	err = exec.Run(t.Context(), exec.Cmd{
		Args: []string{"unshare", "--net", "--mount", "sh", "-c", script, "sh", toolchain.ModCache, modules[0].Dir, toolchain.Root, out},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GOMODCACHE=" + toolchain.ModCache,
			"GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "GOFLAGS=-mod=mod",
			"GOCACHE=" + filepath.Join(cache, "go-build")}, // a shared one: compiling the runtime takes seconds
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRetry(t *testing.T) {
	f := fetcher{log: quiet()}
	for _, test := range []struct {
		name, failure string
		want          int
	}{
		{"gone for good", "reading https://proxy/m.mod: 404 Not Found", 1},
		{"refused", "reading https://proxy/m.mod: 403 Forbidden", 1},
		{"network", "dial tcp 192.0.2.1:443: i/o timeout", 2},
		{"server", "reading https://proxy/m.mod: 503 Service Unavailable", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := 0
			err := f.retry(context.Background(), test.name, func() error {
				if got++; got == 2 {
					return nil
				}
				return errors.New(test.failure)
			})
			if got != test.want || (err == nil) != (test.want == 2) {
				t.Errorf("tried %d times, want %d; error %v", got, test.want, err)
			}
		})
	}
}

package build

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

// timeout is what one step of a test may take.
const timeout = 2 * time.Minute

// prefix is a canonical prefix that no other test has. Its images go when the test
// ends.
func prefix(t *testing.T) string {
	t.Helper()
	need.Tool(t, "podman", "podman")
	need.Tool(t, "git", "git")
	name := "slipway.test/" + strings.ToLower(rand.Text()[:10])
	t.Cleanup(func() {
		engine, ctx := engineOf(t), context.Background()
		for _, stored := range storage(t, engine) {
			for _, n := range stored.Names {
				if strings.HasPrefix(n, name+"/") {
					if err := engine.Remove(ctx, n); err != nil {
						t.Error(err)
					}
				}
			}
		}
	})
	return name
}

func engineOf(t *testing.T) *podman.Podman {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := podman.New(filepath.Join(cache, "slipway"))
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func storage(t *testing.T, engine *podman.Podman) podman.Storage {
	t.Helper()
	images, err := engine.Images(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// builder makes a checkout with files (path below images/ → content) and a Builder
// of it. A content of "busybox" is that program; "#!" makes a file executable.
func builder(t *testing.T, prefix string, files map[string]string) *Builder {
	t.Helper()
	checkout := t.TempDir()
	write(t, checkout, files)
	tree, err := image.Open(context.Background(), image.Config{Checkout: checkout, Canonical: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Tree: tree, Podman: engineOf(t), Cache: t.TempDir(), Inputs: []Find{Program(tree)}, Timeout: timeout,
		Say: func(message string) { t.Log(message) },
	})
}

func write(t *testing.T, checkout string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(checkout, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data, mode := []byte(content), os.FileMode(0o600)
		if content == "busybox" {
			data, mode = busybox(t), 0o700
		}
		if strings.HasPrefix(content, "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	run(t, checkout, "git", "init", "--quiet")
	run(t, checkout, "git", "add", "--all")
}

func busybox(t *testing.T) []byte {
	t.Helper()
	need.Tool(t, "busybox", "busybox-static")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{Args: args, Dir: dir, Env: engineOf(t).Environment()})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// logged keeps what builds print.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) log(string) io.WriteCloser { return l }
func (l *logged) Close() error              { return nil }

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// await waits until the log says something.
func (l *logged) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(timeout); !strings.Contains(l.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log never says %q:\n%s", text, l)
		}
	}
}

// tiny is a base of busybox, an image on it, and a Go program.
var tiny = map[string]string{
	"go.mod":                     "module example.test/tiny\n\ngo 1.26.0\n\ntoolchain go1.26.8\n",
	"images/base/Dockerfile":     "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"/bin\"]\n",
	"images/base/busybox":        "busybox",
	"images/child/Dockerfile":    "ARG BASE=PREFIX/base\nFROM ${BASE} AS first\nRUN echo made > /made\nFROM PREFIX/base:latest\nCOPY --from=first /made /made\nCOPY . /context\nRUN ls -lR /context > /listing\n",
	"images/child/a b/script":    "#!/bin/sh\n",
	"images/child/.dockerignore": "secret\n",
	"images/child/secret":        "not for the image\n",
	"images/program/Dockerfile":  "FROM scratch\nCOPY program /program\n",
	"images/program/main.go":     "package main\n\nfunc main() { println(\"hello\") }\n",
}

// with are files with the prefix in place, and with others added.
func with(files map[string]string, prefix string, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, set := range []map[string]string{files, more} {
		for name, content := range set {
			all[name] = strings.ReplaceAll(content, "PREFIX", prefix)
		}
	}
	return all
}

package build

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	inprocess "github.com/google/go-containerregistry/pkg/registry"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/testkit/need"
)

var both = []string{"amd64", "arm64"}

func remote(t *testing.T, prefix string) *registry.Registry {
	t.Helper()
	r, err := registry.New(registry.Config{Prefix: prefix, Idle: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// served is a registry in this process, which breaks as long as broken is set.
func served(t *testing.T) (r *registry.Registry, broken *atomic.Pointer[http.HandlerFunc]) {
	t.Helper()
	broken = &atomic.Pointer[http.HandlerFunc]{}
	inner := inprocess.New(inprocess.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := broken.Load(); fault != nil && strings.Contains(r.URL.Path, "/blobs/") {
			(*fault)(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return remote(t, strings.TrimPrefix(server.URL, "http://")+"/images"), broken
}

// forget removes the images of a prefix from podman's storage.
func forget(t *testing.T, prefix string) {
	t.Helper()
	for _, stored := range storage(t, engineOf(t)) {
		for _, name := range stored.Names {
			if strings.HasPrefix(name, prefix+"/") {
				run(t, "", "podman", "rmi", name)
			}
		}
	}
}

// Load builds what the registry does not have, and only that.
func TestLoad(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	to, broken := served(t)
	b.Remote = to
	load := func(how How) Result {
		t.Helper()
		got, err := b.Load(ctx, "child", runtime.GOARCH)
		if err != nil {
			t.Fatal(err)
		}
		if got.How != how {
			t.Errorf("it was %s, want %s", got.How, how)
		}
		return got
	}
	built := load(Built)
	load(Present)
	if _, err := b.Push(ctx, to, "child", []string{runtime.GOARCH}); err != nil {
		t.Fatal(err)
	}
	forget(t, prefix)
	for name, fault := range map[string]http.HandlerFunc{
		"answers with an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusNotFound) },
		"refuses":               func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"stalls":                func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"cut an answer short":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) },
	} {
		broken.Store(&fault)
		_, err := b.Load(ctx, "child", runtime.GOARCH)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "pull ") {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
		checkNothingLeft(t, b, prefix+"/child")
	}
	broken.Store(nil)
	if pulled := load(Pulled); pulled.ID != built.ID {
		t.Errorf("pulled %s, built %s", pulled.ID, built.ID)
	}
	if got := storage(t, b.Podman).ID(prefix + "/child:latest"); got != built.ID {
		t.Errorf("latest is %s, want %s", got, built.ID)
	}
}

// A parent that was pulled instead of built makes no other child.
func TestChildOfAPulledParent(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	to, _ := served(t)
	built, err := b.Load(ctx, "child", runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Push(ctx, to, "base", []string{runtime.GOARCH}); err != nil {
		t.Fatal(err)
	}
	forget(t, prefix)
	b.Remote = to
	parent, err := b.Load(ctx, "base", runtime.GOARCH)
	if err != nil || parent.How != Pulled {
		t.Fatalf("the parent was %s: %v", parent.How, err)
	}
	again, err := b.Load(ctx, "child", runtime.GOARCH)
	if err != nil || again.How != Built || again.ID != built.ID {
		t.Errorf("on a pulled parent: %v, %v; want ID %s", again, err, built.ID)
	}
}

func TestPush(t *testing.T) {
	ctx, prefix := context.Background(), prefix(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	to, _ := served(t)
	if _, err := b.Push(ctx, to, "program", both[:1]); err == nil || !strings.Contains(err.Error(), "build it with --arch arm64 first") {
		t.Fatalf("got %v, want an error that names the architecture which is not here", err)
	}
	first, err := b.Push(ctx, to, "program", both)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Push(ctx, to, "program", both)
	if err != nil {
		t.Fatal(err)
	}
	want := Sent{Image: "program", Tag: first.Tag, Name: first.Name, Digest: first.Digest, Already: true}
	if diff := cmp.Diff(want, again); diff != "" || len(first.Manifests) != 2 {
		t.Errorf("pushed again (-want +got):\n%s\nfirst: %v", diff, first)
	}
	other := builder(t, prefix, with(tiny, prefix, nil))
	elsewhere, _ := served(t)
	forget(t, prefix)
	second, err := other.Push(ctx, elsewhere, "program", both)
	if err != nil {
		t.Fatal(err)
	}
	if second.Digest != first.Digest {
		t.Errorf("built and pushed elsewhere: %s, want %s", second.Digest, first.Digest)
	}
	run(t, "", "podman", "tag", prefix+"/program:"+first.Tag+"-arm64", prefix+"/program:"+first.Tag)
	if again, err = b.Push(ctx, to, "program", both); err != nil || !strings.Contains(again.Warning, "the registry keeps its own") {
		t.Errorf("another image under the tag: %v, %v; want a warning", again, err)
	}
}

// dockerRegistry runs Debian's registry and returns its address.
func dockerRegistry(t *testing.T) string {
	t.Helper()
	need.Tool(t, "docker-registry", "docker-registry")
	need.Tool(t, "skopeo", "skopeo")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", folder, address)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = exec.Run(ctx, exec.Cmd{Args: []string{"docker-registry", "serve", config}, Stdout: io.Discard, Stderr: io.Discard})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	for deadline := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			response.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// What is pushed can be read by tools that nobody here wrote.
func TestDockerRegistry(t *testing.T) {
	ctx, prefix, address := context.Background(), prefix(t), dockerRegistry(t)
	b := builder(t, prefix, with(tiny, prefix, nil))
	b.Remote = remote(t, address+"/project/images")
	sent, err := b.Push(ctx, remote(t, address+"/project/images"), "program", both)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "", "skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://"+sent.Name); got != sent.Digest {
		t.Errorf("skopeo sees %s, want %s", got, sent.Digest)
	}
	copied := filepath.Join(t.TempDir(), "copied")
	run(t, "", "skopeo", "copy", "--all", "--src-tls-verify=false", "docker://"+sent.Name, "dir:"+copied)
	built := storage(t, b.Podman).ID(prefix + "/program:" + sent.Tag)
	forget(t, prefix)
	byDigest := address + "/project/images/program@" + sent.Digest
	id := run(t, "", "podman", "pull", "--quiet", "--tls-verify=false", byDigest)
	t.Cleanup(func() { run(t, "", "podman", "rmi", "--force", byDigest) })
	if id != built {
		t.Errorf("podman pulled %s, want %s", id, built)
	}
	loaded, err := b.Load(ctx, "program", runtime.GOARCH)
	if err != nil || loaded.How != Pulled || loaded.ID != built {
		t.Errorf("loaded: %v, %v; want %s to be pulled", loaded, err, built)
	}
	if loaded, err = b.Load(ctx, "program", "arm64"); err != nil || loaded.How != Pulled {
		t.Errorf("loaded for arm64: %v, %v; want it to be pulled", loaded, err)
	}
}

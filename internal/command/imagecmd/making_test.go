package imagecmd

import (
	"context"
	"crypto/rand"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestMakingScripts runs testdata/making/*.txtar with real podman and a real registry
// in this process. In a script, $PREFIX is a canonical prefix of its own, $REMOTE a
// registry's, and $BUSYBOX a static program for images.
func TestMakingScripts(t *testing.T) {
	need.Tool(t, "git", "git")
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := podman.New(filepath.Join(cache, "slipway"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "making"),
		Setup: func(env *testscript.Env) error {
			name := strings.ToLower(rand.Text()[:10])
			env.Setenv("PREFIX", "slipway.test/"+name)
			env.Setenv("REMOTE", strings.TrimPrefix(server.URL, "http://")+"/"+name)
			env.Setenv("BUSYBOX", busybox)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("CONTAINERS_CONF", filepath.Join(cache, "slipway", "podman", "containers.conf"))
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Defer(func() { forget(t, engine, "slipway.test/"+name+"/") })
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "track": track, "capture": capture, "fill": fill,
		},
	})
}

// forget removes the images of a script.
func forget(t *testing.T, engine *podman.Podman, prefix string) {
	images, err := engine.Images(context.Background())
	if err != nil {
		t.Error(err)
	}
	for _, image := range images {
		for _, name := range image.Names {
			if strings.HasPrefix(name, prefix) {
				if err := engine.Remove(context.Background(), name); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// fill puts the values of variables into files: fill FILE...
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		path := ts.MkAbs(name)
		data, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(data), ts.Getenv)), 0o644))
	}
}

package flowcmd

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/prow/jobcmd"
)

// tree is the one image of this tree that the jobs need: Prow's utilities.
type tree struct{}

func (tree) Names(context.Context) ([]string, error) { return []string{"pod-utilities"}, nil }

func (tree) Load(ctx context.Context, names []string) (map[string]string, error) {
	loaded := map[string]string{}
	for _, name := range names {
		load := exec.Cmd{Args: []string{"go", "run", "./cmd/slipway", "image", "load", name}, Dir: filepath.Join("..", "..")}
		if _, err := exec.Output(ctx, load); err != nil {
			return nil, err
		}
		loaded[name] = "slipway.dev/images/" + name + ":latest"
	}
	return loaded, nil
}

// stepImage makes an image of busybox and flow-step, and names it by digest.
func stepImage(t *testing.T) string {
	t.Helper()
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	commands := [][]string{
		{"mkdir", "-p", folder + "/root/bin", folder + "/root/tmp"},
		{"cp", busybox, folder + "/root/bin/busybox"},
		{"go", "build", "-trimpath", "-o", folder + "/root/flow-step", "slipway.dev/slipway/images/flow-step"},
		{"ln", "-s", "/flow-step", folder + "/root/bin/flow-step"},
	}
	for _, applet := range []string{"sh", "cat", "echo", "sleep"} {
		commands = append(commands, []string{"ln", "-s", "busybox", folder + "/root/bin/" + applet})
	}
	for _, args := range commands {
		if _, err := exec.Output(t.Context(), exec.Cmd{Args: args, Env: append(os.Environ(), "CGO_ENABLED=0")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(folder+"/Dockerfile", []byte("FROM scratch\nCOPY root /\nENV PATH=/bin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("localhost/slipway-flow-%x", rand.Uint32())
	if out, err := p.Output(t.Context(), "build", "--quiet", "--network=none", "--tag", name, folder); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := p.Remove(context.Background(), name+":latest"); err != nil {
			t.Error(err)
		}
	})
	digest, err := p.Output(t.Context(), "image", "inspect", "--format", "{{.Digest}}", name)
	if err != nil {
		t.Fatal(err)
	}
	return name + "@" + strings.TrimSpace(string(digest))
}

// place is where the flow demo is run in real pods.
type place struct {
	t                    *testing.T
	flows, repo, secrets string
	store                string
}

func newPlace(t *testing.T) *place {
	if os.Getenv("SLIPWAY_E2E") != "prow" {
		t.Skip("real pods of a whole flow take a minute; run: make e2e-prow")
	}
	need.Root(t)
	need.Tool(t, "podman", "podman")
	need.Tool(t, "busybox", "busybox-static")
	text, err := os.ReadFile(filepath.Join("testdata", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	image := stepImage(t)
	flows := strings.ReplaceAll(string(text), "localhost/slipway-step@sha256:"+strings.Repeat("0", 64), image)
	r := &place{t: t, flows: t.TempDir(), secrets: t.TempDir(), store: filepath.Join(t.TempDir(), "store")}
	if err := os.WriteFile(filepath.Join(r.flows, "demo.yaml"), []byte(flows), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.secrets, "key"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.secrets, "key", "name"), []byte("signed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	repository := gitrepo.New(t)
	repository.Commit(t, map[string]string{"README": "read me\n"})
	r.repo = repository.Dir
	return r
}

func (r *place) run(ctx context.Context, flow string, more ...string) (code int, folder, said string) {
	r.t.Helper()
	folder = filepath.Join(r.t.TempDir(), "run")
	var out bytes.Buffer
	env := cli.Env{Stdout: &out, Stderr: &out, Getenv: os.Getenv, Args: append([]string{
		"run", flow, "--flows=" + r.flows, "--repo=" + r.repo, "--secrets=" + r.secrets, "--store=" + r.store, "--output-dir=" + folder}, more...)}
	images := func(context.Context, func(string)) (jobcmd.Images, error) { return tree{}, nil }
	code = cli.Run(ctx, env, Group(env, images))
	return code, folder, out.String()
}

// A flow of three identities runs in real pods, each as Prow makes it: what one leaves
// the next one takes from the store, and what was done is not done again.
func TestRealFlow(t *testing.T) {
	r := newPlace(t)
	code, folder, said := r.run(t.Context(), "demo/2")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	published, err := os.ReadFile(filepath.Join(folder, "publish", "artifacts", "published"))
	if err != nil || string(published) != "read me\ntwo\nsigned\n" {
		t.Errorf("published %q, %v\n%s", published, err, said)
	}
	code, folder, said = r.run(t.Context(), "demo/2")
	if _, err := os.Stat(filepath.Join(folder, "publish", "artifacts", "published")); code != 0 || err == nil || !strings.Contains(said, "did it already") {
		t.Errorf("again: exit code %d, published %v\n%s", code, err == nil, said)
	}
	if code, _, said := r.run(t.Context(), "demo/presubmit", "--pull=7", "--pull-ref=main"); code != 0 {
		t.Errorf("presubmit: exit code %d\n%s", code, said)
	}
}

// A build that fails fails what needs it at once, and nothing is handed over.
func TestRealFlowFails(t *testing.T) {
	r := newPlace(t)
	file := filepath.Join(r.flows, "demo.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(text), "echo two >", "exit 3; echo two >", 1)
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	code, _, said := r.run(t.Context(), "demo/2")
	if code != 1 || time.Since(began) > 3*time.Minute || !strings.Contains(said, "two ended with exit code 3, so this was not started") {
		t.Errorf("exit code %d after %v\n%s", code, time.Since(began), said)
	}
	left, err := filepath.Glob(filepath.Join(r.store, "flows", "*", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the store holds %v, %v", left, err)
	}
}

package openqacmd

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/openqa"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/netns"
	testopenqa "slipway.dev/slipway/internal/testkit/openqa"
)

// example is the suite that the documentation shows.
var example = filepath.Join("..", "..", "..", "examples", "hello-os", "tests", "openqa")

// suiteOf is a suite of the test distribution: each job is a name and its settings.
func suiteOf(jobs ...string) string {
	text := "settings: {DISTRI: slipway, VERSION: \"1\", FLAVOR: disk, ARCH: x86_64, BACKEND: \"null\"}\njobs:\n"
	for _, job := range jobs {
		text += "- " + job + "\n"
	}
	return text
}

// A real openQA passes and fails jobs, restarts one, is aborted and is refused.
func TestRealOpenQA(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("an openQA of Debian's packages takes minutes; run: make e2e-os")
	}
	need.Tool(t, "qemu-img", "qemu-utils")
	if !netns.Alone(t) {
		return
	}
	server := testopenqa.StartReal(t, filepath.Join("..", "..", "testkit", "openqa", "testdata", "slipway"), filepath.Join(example, "hello-os"))
	w := newWorld(t, server.URL, server.Key, server.Secret, server.Folder)

	t.Run("passes, softfails and fails", func(t *testing.T) { realResults(t, w) })
	t.Run("the same run again submits nothing", func(t *testing.T) {
		w.suite(suiteOf("{name: good}"))
		_, first := w.run("--id", t.Name())
		code, second := w.run("--id", t.Name())
		if code != 0 || !strings.Contains(second, "found the jobs of this run") || link(first) != link(second) {
			t.Errorf("got %d, %s\nafter %s", code, second, first)
		}
	})
	t.Run("a job that openQA restarts is followed", func(t *testing.T) {
		w.suite(suiteOf("{name: again, settings: {MODULES: fail, RETRY: \"1\"}}"))
		code, said := w.run("--id", t.Name())
		if code != 1 || !strings.Contains(said, "again was restarted") {
			t.Errorf("got %d and %s", code, said)
		}
	})
	t.Run("an abort cancels", func(t *testing.T) { realAbort(t, w) })
	t.Run("nobody picks it up", func(t *testing.T) {
		w.suite(suiteOf("{name: lonely, settings: {WORKER_CLASS: nobody}}"))
		code, said := w.run("--id", t.Name(), "--unpicked", "2s")
		if code != 1 || !strings.Contains(said, "no worker picked it up within 2s") {
			t.Errorf("got %d and %s", code, said)
		}
		w.wantState(link(said), "cancelled")
	})
	t.Run("wrong key and secret", func(t *testing.T) { realKeys(t, w, server) })
	t.Run("a clock that is behind", func(t *testing.T) { realSkew(t, server) })
	t.Run("a disk that openQA fetches boots in QEMU", func(t *testing.T) { realBoot(t, w) })
}

func realResults(t *testing.T, w *world) {
	w.suite(suiteOf(
		"{name: good, modules: [pass]}",
		"{name: soft, allow-softfailed: true, settings: {MODULES: soft}}",
		"{name: bad, settings: {MODULES: \"pass,fail\"}}",
	))
	code, said := w.run("--id", t.Name())
	if code != 1 || !strings.Contains(said, "openQA's tests failed: bad failed") {
		t.Fatalf("got %d and %s", code, said)
	}
	w.wantEvidence("failed", []string{"good", "good/pass", "bad/pass"}, []string{"soft", "soft/soft"}, []string{"bad", "bad/fail"})
	for _, file := range []string{"openqa/bad/autoinst-log.txt", "openqa/good/vars.json", "openqa/bad/job.json", "junit_openqa.xml", "openqa.json"} {
		if info, err := os.Stat(filepath.Join(w.artifacts, file)); err != nil || info.Size() == 0 {
			t.Errorf("artifact %s: %v", file, err)
		}
	}
}

func realKeys(t *testing.T, w *world, server *testopenqa.Real) {
	for variable, want := range map[string]string{keyEnv: "openQA refuses the key", secretEnv: "its secret is another"} {
		wrong := *w
		wrong.env = map[string]string{keyEnv: server.Key, secretEnv: server.Secret, variable: "0123456789ABCDEF"}
		if code, said := wrong.run("--id", t.Name()); code != 1 || !strings.Contains(said, want) || strings.Contains(said, "0123456789ABCDEF") {
			t.Errorf("%s: got %d and %s", variable, code, said)
		}
	}
}

func realAbort(t *testing.T, w *world) {
	w.suite(suiteOf("{name: long, settings: {MODULES: long}}", "{name: after, after: [long]}"))
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	w.when = map[string]func(){"is running": func() { cancel(errors.New("interrupted by SIGTERM")) }}
	defer func() { w.when = nil }()
	code, said := w.runIn(ctx, "--id", t.Name())
	if code != 1 || !strings.Contains(said, "interrupted by SIGTERM") || !strings.Contains(said, "cancelled 2 jobs") {
		t.Errorf("got %d and %s", code, said)
	}
	w.wantState(link(said), "user_cancelled")
}

func realSkew(t *testing.T, server *testopenqa.Real) {
	client, err := openqa.New(openqa.Config{
		Host: server.URL, Credentials: openqa.Credentials{Key: server.Key, Secret: server.Secret},
		Now: func() time.Time { return time.Now().Add(-10 * time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CheckKey(t.Context()); !errors.Is(err, openqa.ErrClock) || !strings.Contains(err.Error(), " behind; set the clock") {
		t.Errorf("got %v", err)
	}
}

// realBoot has openQA fetch a disk by its URL, and boot it by the example's suite. The disk
// says on its console what hello-os says.
func realBoot(t *testing.T, w *world) {
	raw, disk := filepath.Join(t.TempDir(), "disk.raw"), filepath.Join(t.TempDir(), "disk.qcow2")
	if err := os.WriteFile(raw, testopenqa.BootSector("hello-os login: "), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk}}); err != nil {
		t.Fatal(err)
	}
	bucket := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(disk))))
	defer bucket.Close()
	suite, err := os.ReadFile(filepath.Join(example, "suite.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.suite(string(suite))
	w.disk, w.folder = disk, ""
	code, said := w.run("--id", t.Name(), "--asset", bucket.URL+"/disk.qcow2")
	if code != 0 {
		t.Fatalf("got %d and %s", code, said)
	}
	w.wantEvidence("passed", []string{"boot", "boot/boot"}, nil, nil)
	serial, err := os.ReadFile(filepath.Join(w.artifacts, "openqa", "boot", "serial0.txt"))
	if err != nil || !bytes.Contains(serial, []byte("hello-os login:")) {
		t.Errorf("serial console: %q, %v", serial, err)
	}
	if shots, _ := filepath.Glob(filepath.Join(w.artifacts, "openqa", "boot", "boot-*.png")); len(shots) == 0 {
		t.Error("there is no screenshot")
	}
}

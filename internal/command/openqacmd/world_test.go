package openqacmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/openqa"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store/storeurl"
)

// image is what the disk was made of.
const image = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// world is what a run needs: a suite, a disk, a key of openQA's and one of our own, a store.
type world struct {
	t         *testing.T
	host      string
	folder    string // openQA's
	dir       string
	disk      string
	artifacts string
	store     string
	public    []byte
	env       map[string]string
	when      map[string]func() // is called when something is said
}

func newWorld(t *testing.T, host, key, secret, folder string) *world {
	dir := t.TempDir()
	w := &world{
		t: t, host: host, folder: folder, dir: dir, disk: filepath.Join(dir, "disk.qcow2"), artifacts: filepath.Join(dir, "artifacts"), store: filepath.Join(dir, "store"),
		env: map[string]string{keyEnv: key, secretEnv: secret},
	}
	signer, err := signing.Generate()
	w.check(err)
	private, err := signing.MarshalPrivate(signer, nil)
	w.check(err)
	w.public, err = signing.MarshalPublic(signer.Public())
	w.check(err)
	w.write("ci.key", string(private))
	w.write("disk.qcow2", "a disk\n")
	w.check(os.MkdirAll(w.store, 0o755))
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, text string) {
	w.check(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

func (w *world) suite(text string) { w.write("suite.yaml", text) }

// run runs the suite on the disk, and returns the exit code and all that was said.
func (w *world) run(args ...string) (code int, said string) {
	return w.runIn(context.Background(), args...)
}

func (w *world) runIn(ctx context.Context, args ...string) (code int, said string) {
	all := []string{
		"run", "--host", w.host, "--suite", filepath.Join(w.dir, "suite.yaml"), "--disk", w.disk, "--artifacts", w.artifacts, "--outage", "5s",
		"--store", w.store, "--key", filepath.Join(w.dir, "ci.key"), "--log", "https://ci.example.com/1", "--subject", image,
	}
	if w.folder != "" {
		all = append(all, "--asset-dir", w.folder)
	}
	return w.call(ctx, append(all, args...)...)
}

func (w *world) call(ctx context.Context, args ...string) (code int, said string) {
	var out speech
	out.when = w.when
	env := cli.Env{Args: args, Stdout: &out, Stderr: &out, Getenv: func(name string) string { return w.env[name] }}
	code = cli.Run(ctx, env, Group(env))
	return code, out.text.String()
}

// speech is what a command says, and does something when it says something.
type speech struct {
	mu   sync.Mutex
	text bytes.Buffer
	when map[string]func()
}

func (s *speech) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text, do := range s.when {
		if bytes.Contains(p, []byte(text)) {
			do()
		}
	}
	return s.text.Write(p)
}

// latest is the evidence of a digest that counts, or nil.
func (w *world) latest(digest string) *evidence.Result {
	w.t.Helper()
	s, err := storeurl.Open(w.t.Context(), w.store)
	w.check(err)
	verifier, err := signing.ParsePublic(w.public)
	w.check(err)
	found, err := evidence.Latest(w.t.Context(), s, digest, "e2e", []signing.Verifier{{Verifier: verifier}})
	if none := (*evidence.NoneError)(nil); err != nil && errors.As(err, &none) {
		return nil
	}
	w.check(err)
	return &found.Result
}

// wantEvidence compares what is said of the disk and of the image that it was made of.
func (w *world) wantEvidence(outcome string, passed, warned, failed []string) {
	w.t.Helper()
	digest, err := openqa.DigestFile(w.t.Context(), w.disk, nil)
	w.check(err)
	want := &evidence.Result{
		Test: "e2e", Outcome: evidence.Outcome(outcome), Log: "https://ci.example.com/1", Passed: passed, Warned: warned, Failed: failed,
		Subjects: []evidence.Subject{{Name: "disk", Digest: digest}, {Name: "image", Digest: image}},
	}
	for _, d := range []string{digest, image} {
		got := w.latest(d)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(evidence.Result{}, "Finished")); diff != "" {
			w.t.Errorf("evidence of %s (-want +got):\n%s", d, diff)
		} else if got.Finished.After(time.Now().Add(time.Minute)) {
			w.t.Errorf("evidence of %s ended at %s", d, got.Finished)
		}
	}
}

var address = regexp.MustCompile(`https?://\S+/tests/\d+`)

// link is the first address of a job in what was said.
func link(said string) string { return address.FindString(said) }

// wantState asks openQA how a job is, by what status shows.
func (w *world) wantState(link, want string) {
	w.t.Helper()
	id := link[strings.LastIndex(link, "/")+1:]
	code, said := w.call(w.t.Context(), "status", "--host", w.host, id)
	if code != 0 || !strings.Contains(said, want) {
		w.t.Errorf("job %s: got %d and %s, want %s", id, code, said, want)
	}
	fmt.Fprint(w.t.Output(), said)
}

package promotion

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/filestore"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

const filesText = `
signers:
  ci: {key: ci.pub}
channels:
  file:
  - name: staging
    gate: {tests: [{name: unit, signers: [ci]}]}
  - name: live
    from: staging
    version: required
    gate: {tests: [{name: boot, signers: [ci]}]}
artifacts:
- {name: disk, kind: file, location: STAGING, locations: {live: LIVE}, channels: file}
- {name: apt, kind: file, location: STAGING, channels: file}
`

const filesTrain = `
trains:
- {name: guest, channel: live, artifacts: [disk, apt]}
`

// newFiles is a promoter of files that lie in two stores.
func newFiles(t *testing.T, more string) (w *world, staging, live *folder.Store, dirs [2]string) {
	t.Helper()
	w = &world{T: t, proof: &fakeProof{failed: map[string]bool{}}}
	var stores [2]*folder.Store
	for i := range stores {
		dirs[i] = t.TempDir()
		var err error
		if stores[i], err = folder.New(dirs[i]); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("STAGING", dirs[0], "LIVE", dirs[1]).Replace(filesText + more)
	config, err := channel.Parse([]byte(text), func(string) ([]byte, error) { return []byte(pem), nil })
	if err != nil {
		t.Fatal(err)
	}
	w.store = stores[0]
	w.Promoter = &Promoter{
		Config: config, Store: stores[0], Proof: w.proof, Who: "tester",
		OpenStore: func(_ context.Context, url string) (store.Store, error) { return folder.New(url) },
	}
	return w, stores[0], stores[1], dirs
}

func putBlob(t *testing.T, s store.Store, text string) string {
	t.Helper()
	hex, _, err := store.PutBlob(t.Context(), s, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex
}

func (w *world) wantFile(s store.Store, full, digest string) {
	w.Helper()
	now, _, err := filestore.Now(w.Context(), s, full)
	if err != nil || now.Digest != digest {
		w.Errorf("%s points to %q, %v, want %q", full, now.Digest, err, digest)
	}
	if findings, err := w.Audit(w.Context(), []string{full}); err != nil || len(findings) > 0 {
		w.Errorf("audit: %v, %+v", err, findings)
	}
}

func TestFilesMoveAcrossStores(t *testing.T) {
	w, staging, live, _ := newFiles(t, "")
	first, second := putBlob(t, staging, "one"), putBlob(t, staging, "two")
	w.mustPromote(Request{Channel: "disk/staging", Digest: first})
	w.mustPromote(Request{Channel: "disk/live", Version: "v1.0.0"})
	w.wantFile(live, "disk/live", first)
	w.mustPromote(Request{Channel: "disk/staging", Digest: second})
	if err := w.promote(Request{Channel: "disk/live", Version: "v1.0.0"}); err == nil || !strings.Contains(err.Error(), "never moves") {
		t.Errorf("a version again: got %v", err)
	}
	w.mustPromote(Request{Channel: "disk/live", Version: "v1.1.0"})
	w.wantFile(live, "disk/live", second)
	w.mustPromote(Request{Channel: "disk/live", Rollback: true})
	w.wantFile(live, "disk/live", first)
}

func TestDamagedFileDoesNotMove(t *testing.T) {
	w, staging, _, dirs := newFiles(t, "")
	digest := putBlob(t, staging, "one")
	path := filepath.Join(dirs[0], store.BlobKey(strings.TrimPrefix(digest, "sha256:")))
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("onf"), 0o444)); err != nil {
		t.Fatal(err)
	}
	if err := w.promote(Request{Channel: "disk/staging", Digest: digest}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want corrupt", err)
	}
	if now, ok, _ := filestore.Now(t.Context(), staging, "disk/staging"); ok {
		t.Errorf("the channel moved to %s", now.Digest)
	}
}

func TestTrainOfFilesWaitsForAll(t *testing.T) {
	w, staging, live, _ := newFiles(t, filesTrain)
	disk, apt := putBlob(t, staging, "disk"), putBlob(t, staging, "apt")
	w.mustPromote(Request{Channel: "disk/staging", Digest: disk}, Request{Channel: "apt/staging", Digest: apt})
	order := Order{Train: "guest", Requests: []Request{
		{Channel: "disk/live", Version: "v1.0.0"}, {Channel: "apt/live", Version: "v1.0.0"},
	}}
	w.proof.failed[apt] = true
	plan, err := w.Plan(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "apt/live") {
		t.Errorf("got %v", err)
	}
	w.wantFile(live, "disk/live", "")
	w.proof.failed[apt] = false
	w.mustMove(order)
	w.wantFile(live, "disk/live", disk)
	w.wantFile(staging, "apt/live", apt)
}

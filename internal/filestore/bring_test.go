package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/version"
)

func TestBring(t *testing.T) {
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		from, to := &spy{Store: newStore()}, &spy{Store: newStore()}
		digest := put(t, from, "the disk")
		key := []string{store.BlobKey(hexOf(digest))}
		from.created = nil
		for range 2 { // the second finds it there
			if err := Bring(t.Context(), from, to, digest); err != nil {
				t.Fatal(err)
			}
		}
		if !cmp.Equal(key, from.opened) || !cmp.Equal(key, to.created) {
			t.Errorf("opened %q and created %q, want %q once", from.opened, to.created, key)
		}
		if text, _ := blobOf(t, to, digest); text != "the disk" {
			t.Errorf("it came as %q", text)
		}
		if err := Bring(t.Context(), from, from, digest); err != nil || len(from.opened) > 1 || from.created != nil {
			t.Errorf("into the same store: opened %q, created %q, %v", from.opened, from.created, err)
		}
	})
}

func TestBringRefuses(t *testing.T) {
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		from, to := newStore(), newStore()
		damaged, short, absent := digestOf(t, "the disk"), digestOf(t, "short"), digestOf(t, "absent")
		for key, text := range map[string]string{damaged: "the disc", short: "short"} {
			if err := from.Create(t.Context(), store.BlobKey(hexOf(key)), strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := to.Create(t.Context(), store.BlobKey(hexOf(short)), strings.NewReader("shor")); err != nil {
			t.Fatal(err)
		}
		scratch := t.TempDir()
		for digest, want := range map[string]error{
			damaged: store.ErrCorrupt, short: store.ErrCorrupt, absent: store.ErrNotFound,
			"": nil, "sha256:": nil, hexOf(damaged): nil, strings.ToUpper(damaged): nil, "sha256:../../x": nil,
		} {
			err := Carrier{Scratch: scratch}.Bring(t.Context(), from, to, digest)
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%q: got error %v, want %v", digest, err, want)
			}
		}
		if text, there := blobOf(t, to, damaged); there {
			t.Errorf("the damaged blob came as %q", text)
		}
		if err := Bring(t.Context(), from, from, absent); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("absent in the same store: got error %v", err)
		}
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("%v are left, %v", left, err)
		}
	})
}

// TestBringHoldsLittle brings a large file through little memory.
func TestBringHoldsLittle(t *testing.T) {
	const size, most = 64 << 20, 8 << 20
	path := filepath.Join(t.TempDir(), "large")
	if err := errors.Join(os.WriteFile(path, []byte("large"), 0o644), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	from, to := newFolder(t), newFolder(t)
	hex, _, err := store.PutBlob(t.Context(), from, file)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = Bring(t.Context(), from, to, "sha256:"+hex)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || used > most {
		t.Errorf("%d bytes of memory for a blob of %d, %v", used, size, err)
	}
}

// newRelease puts a release of files with these texts, and returns its document's digest.
func newRelease(t *testing.T, s store.Store, texts map[string]string) string {
	t.Helper()
	v, err := version.Parse("20261121.00")
	if err != nil {
		t.Fatal(err)
	}
	target := release.Target{Name: "deb12", Commit: "c0ffee"}
	for name, text := range texts {
		target.Artifacts = append(target.Artifacts, release.Artifact{Name: name, Kind: release.KindPackage, Digest: put(t, s, text), Size: int64(len(text))})
	}
	r := release.Records{Store: s, Repository: release.Repository{Org: "org", Name: "hello"}}
	rel := release.Release{Schema: release.Schema, Repository: r.Repository, Commit: "c0ffee", Version: v, Targets: []release.Target{target}}
	if err := r.CreateRelease(t.Context(), rel); err != nil {
		t.Fatal(err)
	}
	digest, err := r.PutDocument(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestBringRelease(t *testing.T) {
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		texts := map[string]string{"a.deb": "a", "b.deb": "bb", "c.deb": "ccc", "same.deb": "a", "d.deb": "dddd", "e.deb": "eeeee"}
		from, to := newStore(), &spy{Store: newStore()}
		digest := newRelease(t, from, texts)
		for range 2 {
			if err := BringRelease(t.Context(), from, to, digest); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range texts {
			if got, _ := blobOf(t, to, digestOf(t, text)); got != text {
				t.Errorf("%s came as %q", name, got)
			}
		}
		if last := to.created[len(to.created)-1]; last != store.BlobKey(hexOf(digest)) {
			t.Errorf("created %q, want the document last", to.created)
		}
	})
}

// TestBringBrokenRelease has two artifacts that cannot be had.
func TestBringBrokenRelease(t *testing.T) {
	whole, from, to := newFolder(t), newFolder(t), newFolder(t)
	digest := newRelease(t, whole, map[string]string{"a.deb": "a", "b.deb": "bb", "c.deb": "ccc"})
	document, _ := blobOf(t, whole, digest)
	put(t, from, document)
	put(t, from, "ccc")
	if err := from.Create(t.Context(), store.BlobKey(hexOf(digestOf(t, "bb"))), strings.NewReader("b")); err != nil {
		t.Fatal(err)
	}
	err := BringRelease(t.Context(), from, to, digest)
	if !errors.Is(err, store.ErrNotFound) || !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "2 of 3 failed") {
		t.Errorf("got error %v, want one that names both", err)
	}
	if _, there := blobOf(t, to, digest); there {
		t.Error("the document came without its artifacts")
	}
	if _, there := blobOf(t, to, digestOf(t, "ccc")); !there {
		t.Error("the whole artifact was held up by the broken ones")
	}
	err = BringRelease(t.Context(), from, to, put(t, from, strings.Replace(document, `"size": 3`, `"size": 4`, 1)))
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "has 3 bytes, not the 4 of its release") {
		t.Errorf("another size than the release says: got error %v", err)
	}
	for name, text := range map[string]string{"no document": "hello", "changed": strings.Replace(document, "c0ffee", "badbad", 1) + " "} {
		err := BringRelease(t.Context(), from, to, put(t, from, text))
		if err == nil || !strings.Contains(err.Error(), "no release document") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

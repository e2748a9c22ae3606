package release

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

// blob stores text and returns the artifact that names it.
func blob(t *testing.T, s store.Store, name, text string) Artifact {
	t.Helper()
	digest, size, err := store.PutBlob(t.Context(), s, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return Artifact{Name: name, Kind: KindPackage, Digest: "sha256:" + digest, Size: size}
}

func newStore(t *testing.T) (*folder.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// files are the names in a folder, hidden ones among them.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDownload(t *testing.T) {
	s, _ := newStore(t)
	a := blob(t, s, "hello.deb", "hello")
	out := t.TempDir()
	for range 2 { // the second finds the file there
		if err := Download(t.Context(), s, a, out); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(out, "hello.deb"))
	if err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDownloadRefusesNames(t *testing.T) {
	s, _ := newStore(t)
	for _, name := range []string{"", ".", "..", "../out.deb", "/etc/out.deb", "a/b.deb", "a/", "..//x"} {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		err := Download(t.Context(), s, blob(t, s, name, "hello"), out)
		if err == nil || !strings.Contains(err.Error(), "outside its folder") {
			t.Errorf("%q: got %v, want a refusal", name, err)
		}
		if left := append(files(t, out), files(t, filepath.Dir(out))...); len(left) != 1 {
			t.Errorf("%q: files appeared: %v", name, left)
		}
	}
}

func TestDownloadRefusesOtherBytes(t *testing.T) {
	s, _ := newStore(t)
	a, out := blob(t, s, "hello.deb", "hello"), t.TempDir()
	path := filepath.Join(out, "hello.deb")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Download(t.Context(), s, a, out)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
	if got, _ := os.ReadFile(path); string(got) != "mine" {
		t.Errorf("the file was overwritten with %q", got)
	}
}

func TestDownloadRefusesDamage(t *testing.T) {
	s, dir := newStore(t)
	a, out := blob(t, s, "hello.deb", "hello"), t.TempDir()
	path := filepath.Join(dir, store.BlobKey(a.hex()))
	for _, damage := range []string{"jello", "hell", "hello, world"} {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(damage), 0o444)); err != nil {
			t.Fatal(err)
		}
		err := Download(t.Context(), s, a, out)
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "hello.deb") {
			t.Errorf("%q: got %v, want corrupt, naming hello.deb and %s", damage, err, path)
		}
		if left := files(t, out); len(left) != 0 {
			t.Errorf("%q: left behind: %v", damage, left)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := Download(t.Context(), s, a, out); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("missing blob: got %v, want not found", err)
	}
}

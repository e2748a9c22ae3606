package release

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/store"
)

// released is a complete release in a store of its own.
func released(t *testing.T) (r Records, rel Release, dir string) {
	t.Helper()
	s, dir := newStore(t)
	r = Records{Store: s, Repository: Repository{Org: "org", Name: "hello"}}
	rel = Release{
		Schema: Schema, Repository: r.Repository, Commit: "c0ffee", Version: parse(t, "20261121.00"),
		Targets: []Target{{Name: "deb12", Commit: "c0ffee", Artifacts: []Artifact{blob(t, s, "hello.deb", "hello")}}},
	}
	if err := r.CreateRelease(t.Context(), rel); err != nil {
		t.Fatal(err)
	}
	return r, rel, dir
}

func TestDocument(t *testing.T) {
	r, rel, dir := released(t)
	kept, err := os.ReadFile(filepath.Join(dir, "releases/org/hello/20261121.00/release.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, digest, err := r.Document(t.Context(), rel.Version)
	if err != nil || string(data) != string(kept) {
		t.Errorf("got %q, %v; want %q", data, err, kept)
	}
	for range 2 { // the second finds it there
		put, err := r.PutDocument(t.Context(), rel.Version)
		if err != nil || put != digest {
			t.Errorf("put %s, %v; want %s", put, err, digest)
		}
	}
	body, err := store.OpenBlob(t.Context(), r.Store, strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	_, got, err := ReadDocument(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rel, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, err := r.Document(t.Context(), parse(t, "20261121.01")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such release: got error %v", err)
	}
}

// TestReadDocumentRefuses changes a document. None of it may be taken for a release.
func TestReadDocumentRefuses(t *testing.T) {
	r, rel, dir := released(t)
	data, _, err := r.Document(t.Context(), rel.Version)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	edit := func(old, replacement string) string { return strings.Replace(text, old, replacement, 1) }
	twice := rel
	twice.Targets = append(twice.Targets, rel.Targets[0])
	for name, tt := range map[string]struct{ text, want string }{
		"empty":           {"", "no release document"},
		"other JSON":      {`{"version": "20261121.00"}`, "schema"},
		"unknown field":   {edit(`"commit"`, `"more": 1, "commit"`), "a newer one wrote it"},
		"field twice":     {edit(`"commit"`, `"commit": "badbad", "commit"`), "as this program writes it"},
		"other spaces":    {edit(`: "c0ffee"`, `:"c0ffee"`), "as this program writes it"},
		"something after": {text + "\n", "as this program writes it"},
		"cut short":       {text[:len(text)-3], "no release document"},
		"no commit":       {edit(`"c0ffee"`, `""`), "names no repository"},
		"path":            {edit("hello.deb", "../hello.deb"), "file's name"},
		"digest":          {edit("sha256:", "md5:"), "has the digest"},
		"digest, path":    {edit(rel.Targets[0].Artifacts[0].Digest, "sha256:../x"), "has the digest"},
		"file twice":      {marshal(t, twice), "is there twice"},
		"large":           {text + strings.Repeat(" ", maxDocument), "more than"},
	} {
		_, _, err := ReadDocument(strings.NewReader(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, tt.want)
		}
	}
	path := filepath.Join(dir, "releases/org/hello/20261121.01/release.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o444)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutDocument(t.Context(), parse(t, "20261121.01")); err == nil || !strings.Contains(err.Error(), "20261121.00 of org/hello") {
		t.Errorf("another version's document: got error %v", err)
	}
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	data, err := store.MarshalJSON(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

package release

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/version"
)

func parse(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRecordsAdoptWhoWasFirst(t *testing.T) {
	s, _ := newStore(t)
	r := Records{Store: s, Repository: Repository{Org: "org", Name: "hello"}}
	first, second := parse(t, "20261121.00"), parse(t, "20261121.01")
	for _, v := range []version.Version{first, second} {
		standing, err := r.CreateCommit(t.Context(), Commit{Commit: "c0ffee", Version: v}, 0)
		if err != nil || standing.Version != first {
			t.Errorf("record of %s: got %s, %v; want %s to stand", v, standing.Version, err, first)
		}
	}
	if _, err := r.CreateCommit(t.Context(), Commit{Commit: "c0ffee", Version: second}, 1); err != nil {
		t.Fatal(err)
	}
	newest, rebuild, ok, err := r.Commit(t.Context(), "c0ffee")
	if err != nil || !ok || rebuild != 1 || newest.Version != second {
		t.Errorf("got %+v, rebuild %d, %v, %v; want %s as rebuild 1", newest, rebuild, ok, err, second)
	}
}

func TestVersions(t *testing.T) {
	s, dir := newStore(t)
	r := Records{Store: s, Repository: Repository{Org: "org", Name: "hello"}}
	for _, text := range []string{"20261121.100", "20261121.99", "20251231.07"} {
		if err := r.CreateRelease(t.Context(), Release{Version: parse(t, text)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.CreateTarget(t.Context(), parse(t, "20261121.101"), targetOf("deb12", "c0ffee")); err != nil {
		t.Fatal(err)
	}
	versions, err := r.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range versions {
		got = append(got, v.String())
	}
	if diff := cmp.Diff([]string{"20251231.07", "20261121.99", "20261121.100"}, got); diff != "" {
		t.Errorf("only complete releases, in numeric order: -want +got:\n%s", diff)
	}
	path := filepath.Join(dir, "releases/org/hello/20261121.99/release.json")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o444); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Release(t.Context(), parse(t, "20261121.99")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}

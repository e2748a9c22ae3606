package release

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/version"
)

func TestParseRepository(t *testing.T) {
	tests := []struct{ in, org, name, url string }{
		{"https://github.com/GoogleCloudPlatform/guest-agent", "GoogleCloudPlatform", "guest-agent", ""},
		{"https://github.com/org/name.git", "org", "name", ""},
		{"https://github.com/org/name/", "org", "name", ""},
		{"https://github.com/org/name.git/", "org", "name", ""},
		{"https://gerrit.example.com:8443/a/team/org/name", "org", "name", ""},
		{"https://user:secret@example.com/org/name?token=secret#x", "org", "name", "https://example.com/org/name"},
		{"https://secret@example.com/org/name", "org", "name", "https://example.com/org/name"},
		{"ssh://git@example.com:2222/org/name.git", "org", "name", ""},
		{"ssh://git:secret@example.com/org/name.git", "org", "name", "ssh://git@example.com/org/name.git"},
		{"git@github.com:org/name.git", "org", "name", ""},
		{"github.com:org/name.git", "org", "name", ""},
		{"host:/srv/org/name", "org", "name", ""},
		{"file:///srv/git/org/name.git", "org", "name", ""},
		{"/srv/git/org/name.git", "org", "name", ""},
		{"/srv/git/with:colon/name", "with:colon", "name", ""},
		{"../org/name/", "org", "name", ""},
		{"./org/../other/name.git", "other", "name", ""},
	}
	for _, tt := range tests {
		want := Repository{Org: tt.org, Name: tt.name, URL: tt.url}
		if want.URL == "" {
			want.URL = tt.in
		}
		got, err := ParseRepository(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.in, diff)
		}
	}
}

func TestParseRepositoryRefuses(t *testing.T) {
	for _, in := range []string{"", ".", "/", "..", "name", "../name", "https://github.com/name", "https://github.com", "git@github.com:name.git", "/srv/.git", "org/.."} {
		got, err := ParseRepository(in)
		if err == nil || !strings.Contains(err.Error(), "ORG/NAME") {
			t.Errorf("%q: got %+v, %v; want an error that says what to write", in, got, err)
		}
	}
	_, err := ParseRepository("https://user:secret@example.com/name")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got error %v, want one without the password", err)
	}
}

func targetOf(name, commit string, files ...string) Target {
	t := Target{Name: name, Commit: commit, Root: "fake"}
	for _, file := range files {
		t.Artifacts = append(t.Artifacts, Artifact{Name: file, Kind: KindPackage, Digest: "sha256:" + strings.Repeat("a", 64), Size: 1})
	}
	return t
}

func TestAssemble(t *testing.T) {
	v, err := version.Parse("20261121.00")
	if err != nil {
		t.Fatal(err)
	}
	commit := Commit{
		Repository: Repository{Org: "org", Name: "hello"}, Commit: "c0ffee", Version: v,
		Targets: []string{"deb12", "el9"}, Claimed: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
	deb, el := targetOf("deb12", "c0ffee", "a.deb", "b.deb"), targetOf("el9", "c0ffee", "a.rpm")
	want := Release{
		Schema: Schema, Repository: commit.Repository, Commit: "c0ffee", Version: v, Claimed: commit.Claimed,
		Targets: []Target{deb, el},
	}
	for _, order := range [][]Target{{deb, el}, {el, deb}} {
		got, err := Assemble(commit, order)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	_, err = Assemble(commit, []Target{deb, targetOf("el9", "c0ffee", "b.deb")})
	clash, ok := errors.AsType[*NameClash](err)
	if !ok || *clash != (NameClash{Name: "b.deb", Targets: [2]string{"deb12", "el9"}}) {
		t.Errorf("one file name: got %v, want a clash of deb12 and el9 about b.deb", err)
	}
	_, err = Assemble(commit, []Target{deb, targetOf("el9", "badbad", "a.rpm")})
	if err == nil || !strings.Contains(err.Error(), "el9") || !strings.Contains(err.Error(), "badbad") {
		t.Errorf("another commit's target: got %v, want an error that names both", err)
	}
}

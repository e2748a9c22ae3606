package gitrepo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommitsAreReproducible(t *testing.T) {
	files := map[string]string{"README": "hello\n", "bin/run": "#!/bin/sh\n"}
	a, b := New(t), New(t)
	first, second := a.Commit(t, files), b.Commit(t, files)
	if first != second {
		t.Errorf("the same files gave %s and %s", first, second)
	}
	next := a.Commit(t, map[string]string{"other": "x"})
	got := a.Git("ls-tree", "-r", "--format=%(objectmode) %(path)", next)
	want := "100644 README\n100755 bin/run\n100644 other"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestTagsPeel(t *testing.T) {
	r := New(t)
	sha := r.Commit(t, map[string]string{"a": "b"})
	r.Tag("light", sha, "")
	r.Tag("heavy", sha, "a message")
	r.Pack(map[string]string{"refs/tags/packed": sha, "refs/tags/also": sha})
	for _, name := range []string{"refs/heads/main", "refs/tags/packed", "refs/tags/also", "refs/tags/light", "refs/tags/heavy"} {
		if got := r.Ref(name); got != sha {
			t.Errorf("Ref(%s) = %q, want %s", name, got, sha)
		}
	}
	if got := r.Ref("refs/tags/none"); got != "" {
		t.Errorf("Ref of no ref = %q", got)
	}
}

func TestServeHTTP(t *testing.T) {
	r := New(t)
	sha := r.Commit(t, map[string]string{"a": "b"})
	got := r.Git("ls-remote", r.ServeHTTP(t), "refs/heads/main")
	if want := sha + "\trefs/heads/main"; got != want {
		t.Errorf("ls-remote = %q, want %q", got, want)
	}
}

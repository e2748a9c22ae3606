package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
)

// fails runs a program that must end with the exit code: fails CODE PROGRAM ARG...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit interface{ ExitCode() int }
	switch {
	case err == nil:
		ts.Fatalf("%s succeeded", args[1])
	case !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0]:
		ts.Fatalf("%s: got %v, want exit code %s", args[1], err, args[0])
	case strings.Contains(ts.ReadFile("stderr"), "goroutine "):
		ts.Fatalf("%s panicked", args[1])
	}
}

// capture puts what was printed last into a variable: capture NAME.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// commit makes a commit of the trees, one over the other, on top of a ref of a
// bare repository, which is made if missing, and puts its hash into a variable:
//
//	commit VARIABLE REPOSITORY REF TREE...
//
// A ref other than refs/heads/main begins at main each time.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: commit VARIABLE REPOSITORY REF TREE...")
	}
	variable, repo, ref, trees := args[0], ts.MkAbs(args[1]), args[2], args[3:]
	git := func(args ...string) string {
		ts.Check(ts.Exec("git", append([]string{"--git-dir", repo}, args...)...))
		return strings.TrimSpace(ts.ReadFile("stdout"))
	}
	if _, err := os.Stat(repo); err != nil {
		ts.Check(ts.Exec("git", "init", "--quiet", "--bare", "--initial-branch=main", repo))
	}
	git("read-tree", "--empty")
	for _, tree := range trees {
		git("--work-tree", ts.MkAbs(tree), "add", "--force", "--ignore-removal", ".")
	}
	tree := []string{"commit-tree", "-m", "A commit", git("write-tree")}
	if parent := git("for-each-ref", "--format=%(objectname)", "refs/heads/main"); parent != "" {
		tree = append(tree, "-p", parent)
	}
	sha := git(tree...)
	git("update-ref", ref, sha)
	ts.Setenv(variable, sha)
}

// listing writes every ref of a repository and every file of a folder, with their
// digests, into a file, for cmp: listing FILE REPOSITORY FOLDER.
func listing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: listing FILE REPOSITORY FOLDER")
	}
	ts.Check(ts.Exec("git", "--git-dir", ts.MkAbs(args[1]), "for-each-ref"))
	text := ts.ReadFile("stdout")
	files := digestsOf(ts, ts.MkAbs(args[2]))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text += name + " " + files[name] + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// digestsOf maps the files below a folder to their digests; none if it is missing.
func digestsOf(ts *testscript.TestScript, folder string) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		digest, _, err := store.Digest(f)
		found[strings.TrimPrefix(path, folder+"/")] = "sha256:" + digest
		return err
	})
	ts.Check(err)
	return found
}

// digests checks that a folder holds just the artifacts of the release that was
// printed last as JSON: digests FOLDER.
func digests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: digests FOLDER")
	}
	var rel release.Release
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &rel))
	want := map[string]string{}
	for _, a := range rel.Artifacts() {
		want[a.Name] = a.Digest
	}
	if got := digestsOf(ts, ts.MkAbs(args[0])); len(got) == 0 || !maps.Equal(got, want) {
		ts.Fatalf("got %v\nwant %v", got, want)
	}
}

// flip changes one bit in the middle of a file: flip FILE.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(errors.Join(os.Remove(path), os.WriteFile(path, data, 0o444)))
}

// await waits until a file matches a regular expression: await FILE REGEXP.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	wanted := regexp.MustCompile(args[1])
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && wanted.Match(data) {
			return
		}
	}
	ts.Fatalf("%s", fmt.Sprintf("waited a minute in vain for %s in %s", args[1], args[0]))
}

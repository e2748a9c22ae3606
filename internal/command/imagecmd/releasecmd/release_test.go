package releasecmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/registry"
)

// A commit's image is tagged, tested and entered; again, nothing is done.
func TestRelease(t *testing.T) {
	w := newWorld(t)
	commit := w.commit("one", "true")
	code, out, said := call(t.Context(), Release, w.args("main", "--output", "text")...)
	if code != cli.ExitDone || !strings.Contains(out, "would build and push") || !strings.Contains(said, "nothing was changed") || w.tag(commit) != "" {
		t.Fatalf("the plan: exit code %d:\n%s%s", code, out, said)
	}
	r := w.mustRelease("main")
	if r.Commit != commit || r.State != promotion.Moved || r.Pushed || len(r.Tests) != 2 {
		t.Errorf("got %+v", r)
	}
	w.want(commit, r.Digest)
	w.want("next", r.Digest)
	w.audit()
	w.proxy.Forget()
	again := w.mustRelease(commit)
	if again.Digest != r.Digest || again.State != promotion.Current || !again.Pushed || !again.Tests[0].Before {
		t.Errorf("again: got %+v", again)
	}
	if n := w.proxy.Count(registry.Request.IsWrite); n != 0 {
		t.Errorf("again: %d writes to the registry", n)
	}
}

// Tests see neither the network nor what the job has.
func TestTestsSeeNothing(t *testing.T) {
	w := newWorld(t)
	w.write(filepath.Join(w.dir, "auth.json"), "{}")
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(w.dir, "auth.json"))
	w.commit("one", strings.Join([]string{
		`test -z "$REGISTRY_AUTH_FILE" || exit 2`,
		`test $(/busybox wc -l < /proc/net/route) -le 1 || exit 3`,
		`test ! -e ` + w.dir + ` || exit 4`,
	}, "\n"))
	w.mustRelease("main")
}

// Tests that fail are evidence, too, and the channel stays where it is.
func TestFailing(t *testing.T) {
	for name, tt := range map[string]struct {
		check, test, said string
		more              []string
	}{
		"unit":     {check: "echo why; exit 3", test: unit, said: "exit status 3"},
		"deadline": {check: "/busybox sleep 60", test: unit, said: "took longer than 2s", more: []string{"--test-timeout", "2s"}},
		"lint":     {check: "true", test: lint, said: `label ostree is "" instead of "yes"`, more: []string{"--label", "ostree=yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			commit := w.commit("one", tt.check)
			code, r, said := w.release(commit, tt.more...)
			if code != cli.ExitFailed || !strings.Contains(said, tt.said) || !strings.Contains(said, "tests that failed: "+tt.test) {
				t.Fatalf("exit code %d:\n%s", code, said)
			}
			w.want(commit, r.Digest)
			w.want("next", "")
			for _, test := range r.Tests {
				if (test.Outcome == evidence.Failed) != (test.Name == tt.test) {
					t.Errorf("%s %s", test.Name, test.Outcome)
				}
				if n := w.filed(r.Digest, test.Name); n != 1 {
					t.Errorf("%s: %d statements", test.Name, n)
				}
			}
			if name != "lint" {
				return
			}
			if again := w.mustRelease(commit); again.State != promotion.Moved || !again.Tests[0].Before || again.Tests[1].Before {
				t.Errorf("again: got %+v", again)
			}
		})
	}
}

func (w *world) filed(digest, test string) int {
	found, _ := filepath.Glob(filepath.Join(w.store(), "evidence", strings.TrimPrefix(digest, "sha256:"), test, "*"))
	return len(found)
}

// A job leaves logs and JUnit where Spyglass shows them.
func TestArtifacts(t *testing.T) {
	w := newWorld(t)
	commit, artifacts := w.commit("one", "echo from the test; exit 1"), t.TempDir()
	env := cli.Env{Args: w.args("", "--who", ""), Stdout: os.Stderr, Stderr: os.Stderr, Getenv: func(key string) string {
		return map[string]string{"JOB_TYPE": "postsubmit", "JOB_NAME": "os-image", "PULL_BASE_SHA": commit, "PULL_BASE_REF": "main", "ARTIFACTS": artifacts}[key]
	}}
	if code := cli.Run(t.Context(), env, OSImageBuilder(env)); code != cli.ExitFailed {
		t.Fatalf("exit code %d", code)
	}
	for file, want := range map[string]string{"unit.log": "\nfrom the test\n", "junit_os-image.xml": "<failure"} {
		data, err := os.ReadFile(filepath.Join(artifacts, file))
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v: %s", file, err, data)
		}
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	commit := w.commit("one", "true")
	w.git("switch", "--quiet", "-c", "side")
	side := w.commit("side", "true")
	for name, tt := range map[string]struct {
		commit, want string
		code         int
		more         []string
	}{
		"not merged":    {side, "is no ancestor of branch main", cli.ExitFailed, nil},
		"no commit":     {"feature", "has no commit, branch or tag", cli.ExitFailed, nil},
		"other key":     {commit, "is the key of none of them", cli.ExitFailed, []string{"--key", filepath.Join(w.dir, "other.key")}},
		"no such image": {commit, "busy", cli.ExitFailed, []string{"--image", "busy"}},
		"no stage":      {commit, "needs a stage named prove", cli.ExitFailed, []string{"--test-stage", "prove"}},
		"two":           {commit, "name one artifact", cli.ExitMisused, []string{"more"}},
		"no log":        {commit, "--log is missing", cli.ExitMisused, []string{"--log", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, said := w.release(tt.commit, tt.more...); code != tt.code || !strings.Contains(said, tt.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tt.code, tt.want, said)
			}
		})
	}
	w.git("switch", "--quiet", "main")
	w.write(filepath.Join(w.folder(), "what"), "else")
	if code, _, said := w.release(commit); code != cli.ExitFailed || !strings.Contains(said, "changes that are not committed") {
		t.Errorf("dirty: exit code %d:\n%s", code, said)
	}
	if n := w.proxy.Count(registry.Request.IsWrite); n != 0 {
		t.Errorf("%d writes to the registry", n)
	}
	env := cli.Env{Args: w.args(commit), Stdout: os.Stderr, Stderr: os.Stderr, Getenv: func(key string) string {
		return map[string]string{"JOB_TYPE": "presubmit", "PULL_NUMBER": "1", "PULL_PULL_SHA": side}[key]
	}}
	if code := cli.Run(t.Context(), env, OSImageBuilder(env)); code != cli.ExitMisused {
		t.Errorf("a presubmit: exit code %d", code)
	}
}

// A commit's tag that somebody else set stays, whether before the first run or after it.
func TestTakenTag(t *testing.T) {
	w := newWorld(t)
	commit := w.commit("one", "true")
	set := func() string {
		img, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.NewTag(w.location + ":" + commit)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
		return w.tag(commit)
	}
	check := func(theirs string) {
		t.Helper()
		if code, _, said := w.release(commit); code != cli.ExitFailed || !strings.Contains(said, "the tag stays") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		w.want(commit, theirs)
	}
	check(set())
	w.location += "2"
	w.write(filepath.Join(w.dir, "channels.yaml"), w.channels())
	w.mustRelease(commit)
	check(set())
}

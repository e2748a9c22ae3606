package releasecmd

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

// An older commit is pushed and tested, and does not move next back.
func TestOlderCommit(t *testing.T) {
	w := newWorld(t)
	first, second := w.commit("one", "true"), w.commit("two", "true")
	later := w.mustRelease(second)
	older := w.mustRelease(first)
	if older.State != newer || older.Digest == later.Digest {
		t.Errorf("got %+v", older)
	}
	w.want(first, older.Digest)
	w.want("next", later.Digest)
	w.audit()
}

// A checkout that is behind asks the artifact's repository; if that does not know the
// commit either, nothing moves.
func TestUnknownCommit(t *testing.T) {
	w := newWorld(t)
	first := w.commit("one", "true")
	behind := filepath.Join(w.dir, "behind")
	w.git("clone", "--quiet", w.checkout, behind)
	later := w.mustRelease(w.commit("two", "true"))
	if r := w.mustRelease(first, "--repo", behind); r.State != newer {
		t.Errorf("got %+v", r)
	}
	w.write(filepath.Join(w.dir, "channels.yaml"), strings.Replace(w.channels(), `"`+w.checkout+`"`, `"`+behind+`"`, 1))
	if code, _, said := w.release(first, "--repo", behind); code != cli.ExitFailed || !strings.Contains(said, "nobody can say which is the later") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	w.want("next", later.Digest)
}

// However two merges race, next ends at the later one, and two runs of one commit at once
// agree.
func TestRace(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	commits := []string{w.commit("older", "true"), w.commit("later", "true")}
	commits = append(commits, commits[1])
	results := make([]Result, len(commits))
	var group sync.WaitGroup
	for i, commit := range commits {
		wait := time.Duration(random.Int64N(int64(time.Second)))
		group.Go(func() {
			time.Sleep(wait)
			code, r, said := w.release(commit, "--cache", filepath.Join(w.dir, "cache", string(rune('a'+i))))
			if code != cli.ExitDone {
				t.Errorf("run %d: exit code %d:\n%s", i, code, said)
			}
			results[i] = r
		})
	}
	group.Wait()
	if results[1].Digest != results[2].Digest {
		t.Errorf("one commit has two digests: %s, %s", results[1].Digest, results[2].Digest)
	}
	w.want(commits[1], results[1].Digest)
	w.want("next", results[1].Digest)
	w.audit()
}

// Of two runs that built one commit into other bytes, the one that wrote first counts.
func TestOtherBytes(t *testing.T) {
	w := newWorld(t)
	w.write(filepath.Join(w.folder(), "Dockerfile"), strings.Replace(dockerfile, "LABEL", `RUN ["/busybox", "dd", "if=/dev/urandom", "of=/random", "bs=16", "count=1"]
LABEL`, 1))
	commit := w.commit("one", "true")
	var slow *releasing
	hold := func(env cli.Env) *cobra.Command {
		return &cobra.Command{RunE: func(c *cobra.Command, _ []string) error {
			f := &flags{confirm: true, term: time.Second}
			f.add(c.Flags())
			if err := c.Flags().Parse(w.args(commit)); err != nil {
				return err
			}
			err := f.check([]string{"os"})
			if err == nil {
				slow, _, err = open(c.Context(), env, f, "os")
			}
			return err
		}}
	}
	w.must(hold)
	if err := slow.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.forget() // as if they ran on two machines
	first := w.mustRelease(commit)
	w.forget()
	got, err := slow.push(t.Context(), "")
	if err != nil || got != first.Digest {
		t.Errorf("got %s, %v; want %s, which was first", got, err, first.Digest)
	}
	w.want(commit, first.Digest)
}

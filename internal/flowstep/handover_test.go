package flowstep

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

// world is a flow whose stages are build → sign → container → publish, as crostini-guest's.
type world struct {
	t    *testing.T
	flow Flow
	said []string
}

func newWorld(t *testing.T) *world {
	s, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, flow: Flow{Store: s, Name: "crostini-guest/74"}}
}

func (w *world) say(message string) { w.said = append(w.said, message) }

// take returns the folder that was filled; skipped says that there was nothing to do.
func (w *world) take(stage string, wants ...Want) (folder string, skipped bool) {
	w.t.Helper()
	folder = w.t.TempDir()
	if err := w.flow.Take(w.t.Context(), stage, wants, folder, w.say); err != nil {
		w.t.Fatal(err)
	}
	skipped, err := exists(filepath.Join(folder, skipFile))
	if err != nil {
		w.t.Fatal(err)
	}
	return folder, skipped
}

// keep leaves outputs, each of one file.
func (w *world) keep(stage, taken string, outputs map[string]string) {
	w.t.Helper()
	k := Keeping{Wait: Wait{Say: w.say, Deadline: time.Second}, Stage: stage, Taken: taken}
	parent := w.t.TempDir()
	for name, text := range outputs {
		k.Folders = append(k.Folders, filepath.Join(parent, name))
		if err := os.Mkdir(filepath.Join(parent, name), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, name, "file"), []byte(text), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	slices.Sort(k.Folders)
	if err := w.flow.Keep(w.t.Context(), k); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(folder, output string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, output, "file"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) runs(stage string) int {
	w.t.Helper()
	numbers, err := w.flow.records(w.t.Context(), stage)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(numbers)
}

var (
	repo      = Want{"build", "repo"}
	signed    = Want{"sign", "signed"}
	started   = Want{"container", "started"}
	container = Want{"container", "image"}
)

func (w *world) sign() (did bool) {
	w.t.Helper()
	taken, skipped := w.take("sign", repo)
	if !skipped {
		w.keep("sign", taken, map[string]string{"signed": "signed " + w.read(taken, "repo")})
	}
	return !skipped
}

func (w *world) contain() (did bool) {
	w.t.Helper()
	taken, skipped := w.take("container", signed)
	if !skipped {
		text := w.read(taken, "signed")
		w.keep("container", taken, map[string]string{"image": "image of " + text, "started": text})
	}
	return !skipped
}

// Nothing is done before its inputs are there, and everything just once.
func TestHandOver(t *testing.T) {
	w := newWorld(t)
	if w.sign() || w.contain() {
		t.Error("something was done before there was anything")
	}
	w.keep("build", "", map[string]string{"repo": "one"})
	if w.contain() {
		t.Error("a container was made before the repository was signed")
	}
	if !w.sign() || w.sign() || !w.contain() || w.contain() {
		t.Error("each is done once")
	}
	taken, skipped := w.take("publish", signed, started, container)
	if skipped || w.read(taken, "image") != "image of signed one" {
		t.Errorf("publish skipped %v, took %s", skipped, w.read(taken, "image"))
	}
	info, err := os.Stat(filepath.Join(taken, "image", "file"))
	if err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("the executable came as %v, %v", info.Mode(), err)
	}
	w.keep("publish", taken, nil)
	if _, skipped := w.take("publish", signed, started, container); !skipped {
		t.Error("it would be published again")
	}
	w.keep("build", "", map[string]string{"repo": "one"})
	if w.runs("build") != 1 || w.sign() {
		t.Error("the same outputs were taken for new ones")
	}
}

// A publisher gets the signed repository that the container was tested with, though a
// newer one is there.
func TestWhatIsTakenBelongsTogether(t *testing.T) {
	w := newWorld(t)
	w.keep("build", "", map[string]string{"repo": "one"})
	w.sign()
	w.contain()
	w.keep("build", "", map[string]string{"repo": "two"})
	w.sign()
	taken, skipped := w.take("publish", signed, started)
	if skipped || w.read(taken, "signed") != "signed one" || w.read(taken, "started") != "signed one" {
		t.Errorf("skipped %v: took %q and %q", skipped, w.read(taken, "signed"), w.read(taken, "started"))
	}
	w.keep("publish", taken, nil)
	if _, skipped := w.take("publish", signed, started); !skipped {
		t.Error("an untested repository would be published")
	}
	w.contain()
	if taken, skipped := w.take("publish", signed, started); skipped || w.read(taken, "signed") != "signed two" {
		t.Errorf("skipped %v after the container came", skipped)
	}
}

// Two stages that came from different runs of a third are not mixed.
func TestRunsAreNotMixed(t *testing.T) {
	w := newWorld(t)
	w.keep("build", "", map[string]string{"repo": "one"})
	w.sign()
	taken, _ := w.take("other", repo)
	w.keep("other", taken, map[string]string{"thing": "of one"})
	w.keep("build", "", map[string]string{"repo": "two"})
	w.sign()
	if _, skipped := w.take("publish", signed, Want{"other", "thing"}); !skipped {
		t.Error("the outputs of two runs were mixed")
	}
	if last := w.said[len(w.said)-1]; !strings.Contains(last, "comes from runs") {
		t.Errorf("it says %q", last)
	}
}

// Two that keep at once both leave a record.
func TestKeepRaces(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			_, err := w.flow.add(t.Context(), "build", Record{BuildID: string(rune('a' + i))})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if w.runs("build") != 10 {
		t.Errorf("%d records of 10", w.runs("build"))
	}
}

func TestKeepRefuses(t *testing.T) {
	w := newWorld(t)
	folder := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	k := Keeping{Wait: Wait{Say: w.say, Deadline: time.Second}, Stage: "build", Folders: []string{folder}}
	if err := w.flow.Keep(t.Context(), k); err == nil || !strings.Contains(err.Error(), "holds no file") {
		t.Errorf("empty: %v", err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if err := w.flow.Keep(t.Context(), k); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("link: %v", err)
	}
	if w.runs("build") != 0 {
		t.Error("something was recorded")
	}
	bad := File{Path: "../../out", Digest: strings.Repeat("0", 64)}
	if err := w.flow.fetch(t.Context(), bad, folder); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a path that leads out: %v", err)
	}
	if diff := cmp.Diff([]string(nil), w.said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

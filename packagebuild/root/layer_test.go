package root

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/internal/exec"
)

// bakeEnv makes the test's program make a layer in the cache that it names, and
// hang in the middle of it if bakeHangEnv is set.
const (
	bakeEnv     = "SLIPWAY_TEST_BAKE"
	bakeHangEnv = "SLIPWAY_TEST_BAKE_HANG"
)

// counted is a recipe that counts how often it is made, by lines in a file.
func counted(dir, version string) recipe {
	return recipe{name: "plain-1", title: "plain root", make: func(_ context.Context, tree string, log io.Writer) ([]LockedPackage, error) {
		f, err := os.OpenFile(filepath.Join(dir, "count"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		fmt.Fprintf(f, "%d ", os.Getpid())
		if err := os.WriteFile(filepath.Join(tree, "half"), nil, 0o644); err != nil {
			return nil, err
		}
		if os.Getenv(bakeHangEnv) != "" {
			time.Sleep(time.Hour)
		}
		time.Sleep(50 * time.Millisecond)
		return []LockedPackage{{Name: "p", Version: version}}, os.WriteFile(filepath.Join(tree, "whole"), nil, 0o644)
	}}
}

func bake(dir string) error {
	m := &Manager{Cache: filepath.Join(dir, "cache")}
	if err := m.prepare(); err != nil {
		return err
	}
	l, err := m.layer(context.Background(), counted(dir, "1"))
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(l.tree(), "whole"))
	return err
}

func bakeElsewhere(ctx context.Context, dir string, env ...string) error {
	return exec.Run(ctx, exec.Cmd{Args: os.Args[:1], Env: append(append(os.Environ(), bakeEnv+"="+dir), env...)})
}

func made(t *testing.T, dir string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "count"))
	if err != nil {
		return 0
	}
	return len(strings.Fields(string(data)))
}

// TestManyAtOnce has processes and goroutines want the same layer at once.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			do := func() error { return bake(dir) }
			if i%3 == 0 {
				do = func() error { return bakeElsewhere(t.Context(), dir) }
			}
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := made(t, dir); n != 1 {
		t.Errorf("made %d times, want once", n)
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	ctx, kill := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bakeElsewhere(ctx, dir, bakeHangEnv+"=1") }()
	half := filepath.Join(dir, "cache", makingFolder, "plain-1", treeFolder, "half")
	for deadline := time.Now().Add(10 * time.Second); !exists(half); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other process makes nothing")
		}
	}
	var said bytes.Buffer
	m := &Manager{Cache: filepath.Join(dir, "cache"), Wait: 100 * time.Millisecond, Log: logTo(&said)}
	_, err := m.layer(t.Context(), counted(dir, "1"))
	if err == nil || !strings.Contains(err.Error(), "waited 100ms for plain root made by pid ") {
		t.Errorf("while it is made: got %v", err)
	}
	if !strings.Contains(said.String(), "waiting for plain root made by pid ") {
		t.Errorf("it was not said what is waited for: %s", said.String())
	}
	kill() // with SIGKILL
	<-done
	if err := bake(dir); err != nil {
		t.Errorf("after the kill: %v", err)
	}
	if n := made(t, dir); n != 2 {
		t.Errorf("begun %d times, want 2", n)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "cache", makingFolder)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAge(t *testing.T) {
	dir := t.TempDir()
	m := &Manager{Cache: filepath.Join(dir, "cache")}
	if err := m.prepare(); err != nil {
		t.Fatal(err)
	}
	first := mustLayer(t, m, counted(dir, "1"))
	if again := mustLayer(t, m, counted(dir, "2")); again.dir != first.dir {
		t.Errorf("a fresh layer was made anew")
	}
	age(t, first.dir)
	same := mustLayer(t, m, counted(dir, "1"))
	if same.dir != first.dir || time.Since(same.made) > time.Minute || made(t, dir) != 2 {
		t.Errorf("an old layer with the same packages: got %s of %v after %d", same.dir, same.made, made(t, dir))
	}
	age(t, first.dir)
	second := mustLayer(t, m, counted(dir, "2"))
	if second.dir == first.dir || second.packages[0].Version != "2" || !exists(first.tree()) {
		t.Errorf("an old layer with other packages: got %s %v", second.dir, second.packages)
	}
	age(t, first.dir)
	age(t, second.dir)
	broken := counted(dir, "3")
	broken.make = func(context.Context, string, io.Writer) ([]LockedPackage, error) {
		return nil, errors.New("no archive")
	}
	var said bytes.Buffer
	m.Log = logTo(&said)
	if old := mustLayer(t, m, broken); old.packages[0].Version != "2" && old.packages[0].Version != "1" {
		t.Errorf("got %v", old)
	}
	if !strings.Contains(said.String(), "level=warning") || !strings.Contains(said.String(), "no archive") {
		t.Errorf("no warning about the old layer: %s", said.String())
	}
	broken.name = "other-1"
	if _, err := m.layer(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "make plain root: no archive") {
		t.Errorf("with no old layer: got %v", err)
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	m := &Manager{Cache: filepath.Join(dir, "cache")}
	if err := m.prepare(); err != nil {
		t.Fatal(err)
	}
	l := mustLayer(t, m, counted(dir, "1"))
	other := &Manager{Cache: m.Cache}
	check := func(when string, olderThan time.Duration, want []string) {
		t.Helper()
		got, err := other.Prune(olderThan)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("in use", 0, nil)
	m.Close()
	check("used lately", time.Hour, nil)
	check("unused", 0, []string{l.id()})
	if again := mustLayer(t, m, counted(dir, "1")); !exists(again.tree()) || made(t, dir) != 2 {
		t.Errorf("after pruning: got %v", again)
	}
}

// TestPruneWhenMaking checks that a new layer makes an unused one go, not itself.
func TestPruneWhenMaking(t *testing.T) {
	dir := t.TempDir()
	m := &Manager{Cache: filepath.Join(dir, "cache"), Keep: time.Nanosecond}
	if err := m.prepare(); err != nil {
		t.Fatal(err)
	}
	old := mustLayer(t, m, counted(dir, "1"))
	m.Close()
	r := counted(dir, "2")
	r.name = "plain-2"
	if l := mustLayer(t, m, r); !exists(l.tree()) || exists(old.dir) {
		t.Errorf("the new one is there: %v; the old one: %v", exists(l.tree()), exists(old.dir))
	}
}

func mustLayer(t *testing.T, m *Manager, r recipe) layer {
	t.Helper()
	l, err := m.layer(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func age(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-30 * 24 * time.Hour)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func logTo(w io.Writer) *logrus.Entry {
	l := logrus.New()
	l.SetOutput(w)
	return logrus.NewEntry(l)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

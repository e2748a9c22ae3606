package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
)

// debName is the one package that debSource makes.
const debName = "probe_20261121.00-g1+deb12_all.deb"

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error:\n%v\nwant one with %q", err, part)
		}
	}
}

func TestBuild(t *testing.T) {
	b, out := inCleanRoot(t), t.TempDir()
	b.Reproducible = true
	result, err := b.Build(t.Context(), deb12(t, debSource(t, "echo hello > $OUT/greeting")), out)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]release.Kind{}
	for _, f := range result.Files {
		kinds[filepath.Base(f.Path)] = f.Kind
	}
	want := map[string]release.Kind{
		debName: release.KindPackage, debName + ".spdx.json": release.KindSBOM,
		"deb12.provenance.json": release.KindProvenance, "deb12.lock.json": release.KindLock,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(len(want), len(entries(t, out))); diff != "" {
		t.Errorf("other files in the output: %v", entries(t, out))
	}
	if !strings.Contains(content(t, filepath.Join(out, debName)), "hello") || result.Root != "Debian bookworm" {
		t.Errorf("got %+v", result)
	}
	if left := entries(t, b.Work); len(left) != 0 {
		t.Errorf("left in the work folder: %v", left)
	}
}

func TestFailureShowsTheEndOfTheLog(t *testing.T) {
	b, out := onHost(t), t.TempDir()
	src := debSource(t, "for i in $(seq 100); do echo line $i; done", "echo no rule to make happiness >&2", "exit 7")
	_, err := b.Build(t.Context(), deb12(t, src), out)
	log := filepath.Join(b.Logs, "build-log-deb12.txt")
	wantError(t, err, "dpkg-buildpackage: exit status", log, "no rule to make happiness", "line 100")
	if strings.Contains(err.Error(), "line 50\n") || !strings.Contains(read(t, log), "line 50\n") {
		t.Errorf("the error shows more than the end, or the log less than all:\n%v", err)
	}
	if left := append(entries(t, out), entries(t, b.Work)...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNotReproducible(t *testing.T) {
	b := onHost(t)
	b.Reproducible = true
	_, err := b.Build(t.Context(), deb12(t, debSource(t, "date +%N > $OUT/when")), t.TempDir())
	wantError(t, err, debName+" is not reproducible", "diffoscope")
	kept := regexp.MustCompile(`diffoscope (\S+) (\S+)$`).FindStringSubmatch(err.Error())
	if kept == nil {
		t.Fatalf("%v: its end is no command to paste", err)
	}
	if content(t, kept[1]) == content(t, kept[2]) {
		t.Errorf("%s and %s hold the same", kept[1], kept[2])
	}
	for _, again := range []string{"", "-again"} {
		if log := read(t, filepath.Join(b.Logs, "build-log-deb12"+again+".txt")); !strings.Contains(log, "dpkg-deb: building package") {
			t.Errorf("build%s left no log", again)
		}
	}
}

// The output folder of a build is not to be trusted: what it holds was put there
// by the code under build.
func TestPlantedFiles(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(victim, []byte("root:secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, plant, want string }{
		{"link to a secret", "ln -s /etc/shadow ../probe-extra_1_all.deb", "probe-extra_1_all.deb"},
		{"link to a file of the machine", "ln -s " + victim + " ../aaa.deb", "aaa.deb"},
		{"folder", "mkdir ../folder.deb", "folder.deb is no regular file"},
		{"fifo", "mkfifo ../fifo.deb", "fifo.deb is no regular file"},
		{"no package at all", "echo hello > ../junk.deb", "junk.deb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, out := onHost(t), t.TempDir()
			results, err := b.All(t.Context(), []packagebuild.Request{deb12(t, debSource(t, tt.plant))}, out)
			wantError(t, err, "deb12", tt.want)
			if left := entries(t, out); len(left) != 0 || len(results) != 0 {
				t.Errorf("handed out: %v, %v", left, results)
			}
		})
	}
}

func TestOneOfTwoTargetsFails(t *testing.T) {
	b, out := onHost(t), t.TempDir()
	good, bad := deb12(t, debSource(t)), deb12(t, debSource(t, "exit 7"))
	bad.Target.Name = "deb13"
	results, err := b.All(t.Context(), []packagebuild.Request{bad, good}, out)
	wantError(t, err, "1 of 2 failed (deb13)", "build-log-deb13.txt")
	if each.Of(err, "deb12") != nil || len(results) != 1 || results[0].Target != "deb12" {
		t.Errorf("got results %v, error of deb12: %v", results, each.Of(err, "deb12"))
	}
	if !slices.Contains(entries(t, out), debName) {
		t.Errorf("the other target's package is not there: %v", entries(t, out))
	}
}

// Two targets make one file name and a third one fails: both are said.
func TestNameClashBesideAFailure(t *testing.T) {
	b, out := onHost(t), t.TempDir()
	requests := []packagebuild.Request{deb12(t, debSource(t, "echo 1 > $OUT/1")), deb12(t, debSource(t, "echo 2 > $OUT/2")), deb12(t, debSource(t, "exit 7"))}
	for i := range requests {
		requests[i].Target.Name = fmt.Sprintf("row%d", i)
	}
	_, err := b.All(t.Context(), requests, out)
	if clash, ok := errors.AsType[*release.NameClash](err); !ok || clash.Name != debName {
		t.Errorf("got error %v, want a clash about %s", err, debName)
	}
	wantError(t, err, "row0", "row1", "1 of 3 failed (row2)")
	if left := entries(t, out); len(left) != 0 {
		t.Errorf("handed out: %v", left)
	}
}

func TestInterrupted(t *testing.T) {
	b, out := onHost(t), t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	src := debSource(t, "touch ../../started", "sleep 1000")
	go func() {
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(filepath.Join(b.Work, "*", "probe-"+testVersion, "debian", "probe")); len(found) > 0 {
				cancel(stopped)
			}
		}
	}()
	_, err := b.Build(ctx, deb12(t, src), out)
	if !errors.Is(err, stopped) || strings.Contains(err.Error(), "the log") {
		t.Errorf("got error %v, want %v alone: the log has nothing to tell", err, stopped)
	}
	if left := append(entries(t, out), entries(t, b.Work)...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

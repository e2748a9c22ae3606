package ferry

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree writes files, and links where the content begins with "-> ".
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read is the reverse of tree.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, file)
		if entry.Type() == fs.ModeSymlink {
			target, err := os.Readlink(file)
			files[name] = "-> " + target
			return err
		}
		content, err := os.ReadFile(file)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func packed(t *testing.T, folders map[string]string) []byte {
	t.Helper()
	var stream bytes.Buffer
	if err := Pack(&stream, folders); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

func TestFoldersArriveAsTheyWere(t *testing.T) {
	files := map[string]string{
		"finished.json":    "{}",
		"empty":            "",
		"artifacts/a b\nc": "odd name",
		"artifacts/" + strings.Repeat("long", 50): "long name",
		"artifacts/link": "-> ../finished.json",
		"large":          strings.Repeat("0123456789", 1<<17),
	}
	stream := packed(t, map[string]string{"output": tree(t, files), "repo": tree(t, map[string]string{"HEAD": "ref"})})
	dir := t.TempDir()
	for range 2 { // a second time replaces what the first left
		if err := Unpack(bytes.NewReader(stream), dir); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(files, read(t, filepath.Join(dir, "output"))); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"HEAD": "ref"}, read(t, filepath.Join(dir, "repo"))); diff != "" {
		t.Errorf("repo (-want +got):\n%s", diff)
	}
}

func TestModesArrive(t *testing.T) {
	dir, got := tree(t, map[string]string{"hook": "#!/bin/sh\n"}), t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Join(dir, "hook"), 0o777), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(bytes.NewReader(packed(t, map[string]string{"repo": dir})), got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"repo/hook": 0o777, "repo": 0o777 | fs.ModeDir} {
		info, err := os.Stat(filepath.Join(got, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v; want mode %v", name, info, err, want)
		}
	}
}

func TestCutOrDamagedStreamIsAnError(t *testing.T) {
	stream := packed(t, map[string]string{"output": tree(t, map[string]string{"a": "content of a", "b": strings.Repeat("b", 2000)})})
	dir := t.TempDir()
	for cut := range len(stream) {
		if err := Unpack(bytes.NewReader(stream[:cut]), dir); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for whole", cut, len(stream))
		}
	}
	damaged := bytes.Replace(stream, []byte("content of a"), []byte("content of A"), 1)
	if err := Unpack(bytes.NewReader(damaged), t.TempDir()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged stream gave %v", err)
	}
}

func TestNothingLeavesTheFolder(t *testing.T) {
	tests := map[string][]tar.Header{
		"parent":                {{Name: "../evil", Typeflag: tar.TypeReg}},
		"absolute":              {{Name: "/evil", Typeflag: tar.TypeReg}},
		"folder":                {{Name: "../evil/", Typeflag: tar.TypeDir}},
		"link out":              {{Name: "a/link", Typeflag: tar.TypeSymlink, Linkname: "../../evil"}},
		"absolute link":         {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"hard link":             {{Name: "link", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"device":                {{Name: "null", Typeflag: tar.TypeChar}},
		"through a link of old": {{Name: "there/evil", Typeflag: tar.TypeReg}},
	}
	for name, headers := range tests {
		t.Run(name, func(t *testing.T) {
			outer := tree(t, map[string]string{"inner/there": "-> .."})
			if err := Unpack(bytes.NewReader(archive(t, headers)), filepath.Join(outer, "inner")); err == nil {
				t.Error("it was unpacked")
			}
			if diff := cmp.Diff(map[string]string{"inner/there": "-> .."}, read(t, outer)); diff != "" {
				t.Errorf("it changed the folder (-want +got):\n%s", diff)
			}
		})
	}
}

// archive is a stream that is whole but hostile.
func archive(t *testing.T, headers []tar.Header) []byte {
	t.Helper()
	var stream bytes.Buffer
	sum := newSum()
	w := tar.NewWriter(io.MultiWriter(&stream, sum))
	for _, header := range headers {
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	stream.WriteString(sum.trailer())
	return stream.Bytes()
}

func TestSocketIsNotPacked(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Pack(io.Discard, map[string]string{"output": dir}); err == nil {
		t.Error("a pipe was packed")
	}
}

// TestTheWholeCourse goes through what the container sees, in order: what is sent
// waits for the end of all others, and the container for the one who takes it.
func TestTheWholeCourse(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	f := Far{State: t.TempDir(), Volumes: tree(t, map[string]string{"output/started.json": "{}"})}
	do := func(verb ...string) error { return f.Run(ctx, verb, nil, io.Discard) }

	if do(Ready) == nil {
		t.Error("it is ready before anything was received")
	}
	repo := packed(t, map[string]string{"repo": tree(t, map[string]string{"HEAD": "ref"})})
	if err := f.Run(ctx, []string{Receive}, bytes.NewReader(repo), io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := do(Ready); err != nil {
		t.Errorf("it is not ready after something was received: %v", err)
	}

	held := make(chan error, 1)
	terminated, terminate := context.WithCancel(ctx)
	go func() { held <- f.holdUntil(ctx, terminated) }()
	sent := make(chan error, 1)
	var stream bytes.Buffer
	go func() { sent <- f.Run(ctx, []string{Send, "output"}, nil, &stream) }()
	select {
	case err := <-sent:
		t.Fatalf("it sent before the others ended: %v", err)
	case <-time.After(5 * pollEvery):
	}
	terminate()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-held:
		t.Fatalf("it did not wait until it was released: %v", err)
	case <-time.After(5 * pollEvery):
	}
	if err := do(Release); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := Unpack(&stream, dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"started.json": "{}"}
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {Send}, {Send, "../etc"}, {Hold, "x"}} {
		if err := (Far{t.TempDir(), t.TempDir()}).Run(t.Context(), args, nil, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

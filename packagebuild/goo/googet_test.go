package goo

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// installAsGooget reads a package by googet's rules and with nothing of this
// package's code: the specification is the first entry whose extension is
// .pkgspec; entries are unpacked with the folders that their names imply; each
// of Files is then copied, or walked if it is a folder, to its place.
func installAsGooget(t *testing.T, goo string, installed map[string]string) {
	t.Helper()
	var spec struct {
		Name, Version, Arch string
		Tags                map[string][]byte
		Install, Uninstall  struct{ Path string }
		Files               map[string]string
	}
	check(t, json.Unmarshal(firstPkgSpec(t, goo), &spec))
	if want := spec.Name + "." + spec.Arch + "." + spec.Version + ".goo"; filepath.Base(goo) != want {
		t.Errorf("file is %s, googet looks for %s", filepath.Base(goo), want)
	}
	if got := string(spec.Tags["vcs"]); got != commitURL {
		t.Errorf("%s: tag vcs is %q", goo, got)
	}
	dir := t.TempDir()
	unpack(t, goo, dir)
	for _, program := range []string{spec.Install.Path, spec.Uninstall.Path} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			t.Errorf("%s: googet would run %s: %v", goo, program, err)
		}
	}
	for from, to := range spec.Files {
		from = filepath.Join(dir, from)
		check(t, filepath.Walk(from, func(name string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			installed[path.Join(to, strings.TrimPrefix(name, from))] = string(content)
			return err
		}))
	}
}

func firstPkgSpec(t *testing.T, goo string) (text []byte) {
	t.Helper()
	visit(t, goo, func(h *tar.Header, r io.Reader) {
		if text == nil && filepath.Ext(h.Name) == ".pkgspec" {
			var err error
			text, err = io.ReadAll(r)
			check(t, err)
		}
	})
	if text == nil {
		t.Fatalf("%s has no specification", goo)
	}
	return text
}

func unpack(t *testing.T, goo, dir string) {
	t.Helper()
	visit(t, goo, func(h *tar.Header, r io.Reader) {
		name := filepath.Join(dir, filepath.Clean(h.Name))
		if !strings.HasPrefix(name, dir) {
			t.Fatalf("%s leads out", h.Name)
		}
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, os.FileMode(h.Mode))
		check(t, err)
		_, err = io.Copy(f, r)
		check(t, errors.Join(err, f.Close()))
	})
}

func visit(t *testing.T, goo string, do func(*tar.Header, io.Reader)) {
	t.Helper()
	f, err := os.Open(goo)
	check(t, err)
	defer f.Close()
	zip, err := gzip.NewReader(f)
	check(t, err)
	r := tar.NewReader(zip)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		check(t, err)
		do(h, r)
	}
}

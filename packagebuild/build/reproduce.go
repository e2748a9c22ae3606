package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/store"
)

// again builds a second time and compares. What differs is kept beside the logs.
func (r run) again(ctx context.Context, first []string) (err error) {
	r.log.Infof("%s: building again, to compare", r.req.Target.Name)
	out, err := os.MkdirTemp(r.Work, r.req.Target.Name+"-again-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(out)) }()
	second, err := r.once(ctx, out, "build-log-"+r.req.Target.Name+"-again.txt")
	if err != nil {
		return fmt.Errorf("build again: %w", err)
	}
	if names(first) != names(second) {
		return fmt.Errorf("not reproducible: the first build made %s, the second %s", names(first), names(second))
	}
	for i := range first {
		if err := r.compare(first[i], second[i]); err != nil {
			return err
		}
	}
	return nil
}

func names(paths []string) string {
	list := make([]string, len(paths))
	for i, p := range paths {
		list[i] = filepath.Base(p)
	}
	return strings.Join(list, ", ")
}

func (r run) compare(first, second string) error {
	a, err := digestOf(first)
	if err != nil {
		return err
	}
	b, err := digestOf(second)
	if err != nil || a == b {
		return err
	}
	kept := filepath.Join(r.Logs, "not-reproducible")
	if err := keep(kept, "first", first); err != nil {
		return err
	}
	if err := keep(kept, "second", second); err != nil {
		return err
	}
	name := filepath.Base(first)
	return fmt.Errorf("%s is not reproducible: two builds of the same source gave sha256 %s and %s; see why with: diffoscope %s %s",
		name, a, b, filepath.Join(kept, "first", name), filepath.Join(kept, "second", name))
}

func keep(folder, which, path string) error {
	to := filepath.Join(folder, which)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, filepath.Base(path)), data, 0o644)
}

// digestOf is the sha256 of a file, in hex.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	digest, _, err := store.Digest(f)
	return digest, err
}

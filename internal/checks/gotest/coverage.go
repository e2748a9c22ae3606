package gotest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/checks/gotool"
)

// htmlTimeout bounds the writing of coverage.html, which may begin after a deadline.
const htmlTimeout = 2 * time.Minute

// coverage reports what the tests reached: the profile as go test wrote it, the
// one without generated files under the name that Spyglass's coverage lens reads,
// that one as HTML, and its total as a line of text.
func (r run) coverage(ctx context.Context, work string, packages []gotool.Package) error {
	text, err := os.ReadFile(r.profile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was compiled
	}
	if err != nil {
		return fmt.Errorf("read the coverage profile: %w", err)
	}
	whole, err := parseProfile(string(text))
	if err != nil {
		return err
	}
	written := whole.without(generatedIn(packages))
	covered, statements := written.total()
	if statements == 0 {
		return nil
	}
	line := fmt.Sprintf("coverage of %s: %.1f%% (%d of %d statements)\n",
		r.module.Name(), 100*float64(covered)/float64(statements), covered, statements)
	fmt.Fprint(r.job.Stdout, line)
	if r.job.Output == "" {
		return nil
	}
	return errors.Join(
		r.job.Write(r.module.Folder, "coverage.txt", []byte(line)),
		r.job.Write(r.module.Folder, "coverage.out", text),
		r.html(ctx, work, written))
}

// html writes the filtered profile and its HTML.
func (r run) html(ctx context.Context, work string, p profile) error {
	ctx, cancel := context.WithTimeout(ctx, htmlTimeout)
	defer cancel()
	if err := r.job.Write(r.module.Folder, "filtered.cov", []byte(p.String())); err != nil {
		return err
	}
	page := filepath.Join(work, "coverage.html")
	_, err := r.module.Output(ctx, nil, "tool", "cover", "-html", r.job.Path(r.module.Folder, "filtered.cov"), "-o", page)
	if err != nil {
		return fmt.Errorf("write the coverage as HTML: %w", err)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("write the coverage as HTML: %w", err)
	}
	return r.job.Write(r.module.Folder, "coverage.html", html)
}

// generatedIn says of a file, named by its import path, whether a program wrote it.
func generatedIn(packages []gotool.Package) func(file string) bool {
	dirs := map[string]string{}
	for _, p := range packages {
		dirs[p.ImportPath] = p.Dir
	}
	return func(file string) bool {
		dir, known := dirs[path.Dir(file)]
		return known && gotool.Generated(filepath.Join(dir, path.Base(file)))
	}
}

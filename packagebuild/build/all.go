package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
)

// All builds the requests side by side and puts what they made into out. A
// target that fails does not stop the others. Two targets that made a file of
// the same name are set aside, and the error names them.
func (b *Builder) All(ctx context.Context, reqs []packagebuild.Request, out string) ([]Result, error) {
	scratch, err := os.MkdirTemp(b.Work, "out-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for packages: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	results := make([]Result, len(reqs))
	names := make([]string, len(reqs))
	for i, req := range reqs {
		names[i] = req.Target.Name
	}
	failed := each.Do(names, func(i int, name string) (err error) {
		own := filepath.Join(scratch, name)
		if err := os.Mkdir(own, 0o755); err != nil {
			return err
		}
		results[i], err = b.Build(ctx, reqs[i], own)
		return err
	})
	var done []Result
	for _, r := range results {
		if r.Target != "" {
			done = append(done, r)
		}
	}
	done, clash := setClashesAside(done)
	if err := publish(done, out); err != nil {
		return nil, errors.Join(err, clash, failed)
	}
	return done, errors.Join(clash, failed)
}

// setClashesAside takes out targets that made files of one name.
func setClashesAside(results []Result) (rest []Result, clash error) {
	owner, aside := map[string]string{}, map[string]bool{}
	for _, r := range results {
		for _, f := range r.Files {
			name := filepath.Base(f.Path)
			if other, taken := owner[name]; taken {
				aside[other], aside[r.Target] = true, true
				clash = errors.Join(clash, &release.NameClash{Name: name, Targets: [2]string{other, r.Target}})
			}
			owner[name] = r.Target
		}
	}
	return slices.DeleteFunc(results, func(r Result) bool { return aside[r.Target] }), clash
}

// publish puts the results' files into out, and their paths with them. What can
// be seen to be in the way is an error before anything is put there.
func publish(results []Result, out string) error {
	for _, r := range results {
		for _, f := range r.Files {
			if _, err := isAt(f.Path, filepath.Join(out, filepath.Base(f.Path))); err != nil {
				return err
			}
		}
	}
	for _, r := range results {
		for i := range r.Files {
			to, err := place(r.Files[i].Path, out)
			if err != nil {
				return err
			}
			r.Files[i].Path = to
			if pkg := r.Files[i].Package; pkg != nil {
				pkg.Path = to
			}
		}
	}
	return nil
}

// isAt says whether the file to has path's bytes; other bytes are an error.
func isAt(path, to string) (bool, error) {
	have, err := digestOf(to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want, err := digestOf(path)
	if err == nil && have != want {
		err = fmt.Errorf("%s exists with other bytes; remove it, or name another --output", to)
	}
	return err == nil, err
}

// place puts a file into out whole or not at all. A file of that name with the
// same bytes is as good; one with other bytes stays and is an error.
func place(path, out string) (string, error) {
	to := filepath.Join(out, filepath.Base(path))
	if there, err := isAt(path, to); there || err != nil {
		return to, err
	}
	return to, copyFile(path, to)
}

package goo

import (
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"slipway.dev/slipway/packagebuild"
)

// Collect packages what the steps made. All packages are written before the
// first gets its name, so that a failure leaves none.
func (Format) Collect(req packagebuild.Request, _ packagebuild.Plan, dir, out string) ([]string, error) {
	specs, _, err := load(req)
	if err != nil {
		return nil, err
	}
	built, err := openBuilt(req.Source, dir)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var written []*newFile
	defer func() {
		for _, f := range written {
			f.discard() // does nothing to those that were published
		}
	}()
	for _, spec := range specs {
		f, err := create(out, spec.Package.FileName())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Path, err)
		}
		written = append(written, f)
		if err := pack(f, built, spec, req.Source.Time); err != nil {
			return nil, err
		}
	}
	return publish(written)
}

func pack(f *newFile, built *tree, spec *Spec, when time.Time) error {
	files, err := gather(built, spec)
	if err != nil {
		return err
	}
	if err := write(f, built, files, &spec.Package, when); err != nil {
		return fmt.Errorf("%s: write %s: %w", spec.Path, path.Base(f.final), err)
	}
	if err := f.finish(); err != nil {
		return fmt.Errorf("%s: write %s: %w", spec.Path, path.Base(f.final), err)
	}
	return nil
}

func publish(files []*newFile) ([]string, error) {
	var paths []string
	for _, f := range files {
		if err := f.publish(); err != nil {
			for _, path := range paths {
				_ = os.Remove(path)
			}
			return nil, fmt.Errorf("publish: %w", err)
		}
		paths = append(paths, f.final)
	}
	slices.Sort(paths)
	return paths, nil
}

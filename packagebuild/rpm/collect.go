package rpm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// Collect copies the packages that rpmbuild wrote below dir to out. What lies in
// dir was written by the code under build, so no link in it is followed out.
func (f Format) Collect(req packagebuild.Request, plan packagebuild.Plan, dir, out string) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	defer root.Close()
	found, err := findPackages(root.FS())
	if err != nil {
		return nil, fmt.Errorf("collect from %s: %w", dir, err)
	}
	if isSecond(req.Target) {
		found = slices.DeleteFunc(found, func(name string) bool { return strings.HasSuffix(name, ".noarch.rpm") })
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("collect from %s: rpmbuild wrote no package for %s; does the spec have a %%files section, and is it not noarch alone?",
			dir, req.Target.Arch)
	}
	var paths []string
	for _, from := range found {
		to := filepath.Join(out, path.Base(from))
		if err := copyWhole(root, from, to); err != nil {
			return nil, fmt.Errorf("collect %s: %w", path.Base(from), err)
		}
		paths = append(paths, to)
	}
	slices.Sort(paths)
	return paths, nil
}

// findPackages lists the packages by their paths below dir.
func findPackages(dir fs.FS) ([]string, error) {
	var found []string
	byName := map[string]string{}
	visit := func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path.Ext(p) != ".rpm" || d.IsDir() {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file but %v", p, d.Type())
		}
		if other, taken := byName[path.Base(p)]; taken {
			return fmt.Errorf("%s and %s have one file name; give the packages of the two specs different names", other, p)
		}
		byName[path.Base(p)] = p
		found = append(found, p)
		return nil
	}
	for _, folder := range []string{"rpmbuild/RPMS", "rpmbuild/SRPMS"} {
		if err := fs.WalkDir(dir, folder, visit); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// copyWhole copies a file so that to is there whole or not at all, and is never replaced.
func copyWhole(root *os.Root, from, to string) (err error) {
	in, err := root.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	part, err := os.CreateTemp(filepath.Dir(to), "."+strings.TrimSuffix(filepath.Base(to), ".rpm")+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	_, err = io.Copy(part, in)
	if err = errors.Join(err, part.Chmod(0o644), part.Close()); err != nil {
		return err
	}
	return os.Link(part.Name(), to)
}

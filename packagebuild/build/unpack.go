package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/aside"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
)

// unpacking says, for each format, which programs unpack the package FILE into
// the folder tree, both below BuildRoot. The root that built it has them.
func unpacking(format, file string) [][]string {
	const tree = packagebuild.BuildRoot + "/tree"
	path := packagebuild.BuildRoot + "/" + file
	switch format {
	case "deb":
		return [][]string{{"dpkg-deb", "--extract", path, tree}}
	case "rpm":
		return [][]string{{"rpm2archive", path}, {"tar", "-C", tree, "-xzf", path + ".tgz"}}
	}
	return [][]string{{"tar", "-C", tree, "-xzf", path}}
}

// unpack unpacks a package in the sandbox, where what it holds can do no harm,
// into a folder below dir, for the SBOM to look into its files.
func (r run) unpack(ctx context.Context, pkg packagebuild.Package, dir string) (*os.Root, error) {
	name := filepath.Base(pkg.Path)
	tree := filepath.Join(dir, "tree")
	err := errors.Join(os.Mkdir(tree, 0o755), copyFile(pkg.Path, filepath.Join(dir, name)))
	if err != nil {
		return nil, err
	}
	for _, args := range unpacking(pkg.Format, name) {
		c := sandbox.Config{
			Lower: r.room.layers, Work: r.Work, Masks: r.room.masks, Profile: sandbox.Build,
			Binds: []sandbox.Bind{{Source: dir, Target: packagebuild.BuildRoot}},
			Args:  args, Env: r.environment(packagebuild.Step{}),
		}
		if err := r.isolated(ctx, c); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	return os.OpenRoot(tree)
}

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return aside.Create(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

package imagecmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/debian"
	"slipway.dev/slipway/internal/image"
)

// locking is what one call of image lock is asked to do.
type locking struct {
	env     cli.Env
	flags   treeFlags
	archive debian.Archive
	all     bool

	tree *image.Tree
}

func lockCommand(env cli.Env) *cobra.Command {
	l := locking{env: env}
	c := &cobra.Command{
		Use: "lock NAME...", Short: "Choose the Debian packages of images: write debian.lock for debian.yaml",
		Long: `Choose the Debian packages of images: write debian.lock for debian.yaml.

Each debian.yaml names packages that its image wants. The newest ones that Debian's
signed archive has, and all that they need beyond what the image's parent has, are
written into debian.lock with version and sha256: a build installs exactly these. A
lock whose packages are the newest already stays as it is. Parents are locked first.`,
		Example: `  slipway image lock debian/bookworm daisy-builder
  slipway image lock --all`,
		RunE: func(c *cobra.Command, args []string) error { return l.run(c.Context(), args) },
	}
	flags := c.Flags()
	l.flags.add(flags)
	flags.BoolVar(&l.all, "all", false, "lock every image that has a debian.yaml")
	flags.StringVar(&l.archive.Mirror, "debian-mirror", debian.DefaultMirror, "server of Debian's archives debian and debian-security")
	flags.StringVar(&l.archive.Snapshot, "debian-snapshot", debian.DefaultSnapshot, "server of what mirrors have dropped")
	flags.StringVar(&l.archive.Cache, "cache", "", "folder for packages (default: slipway/debian in the user's cache folder)")
	return c
}

func (l *locking) run(ctx context.Context, names []string) (err error) {
	if (len(names) == 0) != l.all {
		return cli.Misuse("name the images to lock, or all of them by --all")
	}
	if l.tree, err = l.flags.open(ctx); err != nil {
		return err
	}
	l.archive.Say = func(message string) { fmt.Fprintln(l.env.Stderr, message) }
	images, err := l.picked(names)
	if err != nil {
		return err
	}
	var changed []string
	for _, img := range images {
		moved, err := l.lock(ctx, img)
		if err != nil {
			return err
		}
		if moved {
			changed = append(changed, img.Name)
		}
	}
	return l.remind(changed, images)
}

// picked are the named images that have a debian.yaml, parents first.
func (l *locking) picked(args []string) ([]image.Image, error) {
	picked := l.tree.Images()
	if !l.all {
		picked = nil
	}
	for _, name := range args {
		matching, err := l.tree.Match(name)
		if err != nil {
			return nil, misnamed(err)
		}
		picked = append(picked, matching...)
	}
	wanted := names(picked)
	ordered, err := l.tree.Order(wanted)
	if err != nil {
		return nil, err
	}
	ordered = slices.DeleteFunc(ordered, func(img image.Image) bool {
		return !slices.Contains(wanted, img.Name) || !has(img, debian.SpecFile)
	})
	if len(ordered) == 0 {
		return nil, cli.Misuse("no image of that name has a %s, which names the packages that it wants", debian.SpecFile)
	}
	return ordered, nil
}

func has(img image.Image, file string) bool {
	_, err := os.Stat(filepath.Join(img.Folder, file))
	return err == nil
}

// lock writes one image's lock, and says whether its packages have changed.
func (l *locking) lock(ctx context.Context, img image.Image) (changed bool, err error) {
	spec, err := debian.ReadSpec(filepath.Join(img.Folder, debian.SpecFile))
	if err != nil {
		return false, err
	}
	below, err := l.below(img)
	if err != nil {
		return false, err
	}
	lock, err := l.archive.Lock(ctx, img.Name, spec, below)
	if err != nil {
		return false, err
	}
	file := filepath.Join(img.Folder, debian.LockFile)
	if old, err := debian.ReadLock(file); err == nil && old.Same(lock) {
		fmt.Fprintf(l.env.Stdout, "%s\tunchanged\n", img.Name)
		return false, nil
	}
	if err := replace(file, lock.Format(img.Name)); err != nil {
		return false, fmt.Errorf("write the lock of %s: %w", img.Name, err)
	}
	for arch, packages := range lock.Packages {
		fmt.Fprintf(l.env.Stdout, "%s\t%d packages for %s\n", img.Name, len(packages), arch)
	}
	return true, nil
}

// replace writes a file whole or not at all.
func replace(file string, text []byte) error {
	aside := file + ".new"
	if err := os.WriteFile(aside, text, 0o644); err != nil {
		return err
	}
	return os.Rename(aside, file)
}

// below are the locks of what the image stands on, lowest first.
func (l *locking) below(img image.Image) ([]debian.Lock, error) {
	var locks []debian.Lock
	for img.Base != "" {
		var err error
		if img, err = l.tree.Find(img.Base); err != nil {
			return nil, err
		}
		lock, err := debian.ReadLock(filepath.Join(img.Folder, debian.LockFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w; lock it anew: slipway image lock %s", err, img.Name)
		}
		locks = slices.Insert(locks, 0, lock)
	}
	return locks, nil
}

// remind names the images whose parents have changed, but not they.
func (l *locking) remind(changed []string, locked []image.Image) error {
	var left []string
	for _, img := range l.tree.Images() {
		order, err := l.tree.Order([]string{img.Name})
		if err != nil {
			return err
		}
		moved := slices.ContainsFunc(order, func(below image.Image) bool { return slices.Contains(changed, below.Name) })
		if moved && has(img, debian.SpecFile) && !slices.Contains(names(locked), img.Name) {
			left = append(left, img.Name)
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(l.env.Stderr, "these stand on what has changed; lock them too: slipway image lock %s\n", strings.Join(left, " "))
	}
	return nil
}

package deb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/packagebuild"
)

// Stage writes <source>_<version>.orig.tar.gz and the unpacked source with its
// debian/ folder below dir, the way `dpkg-source -x` would leave them.
func (Format) Stage(req packagebuild.Request, _ packagebuild.Plan, dir string) error {
	c, err := load(req)
	if err != nil {
		return err
	}
	s := stage{req: req, control: c, dir: dir, tree: filepath.Join(dir, c.folder(req))}
	for _, step := range []func() error{s.copyTree, s.copyExtra, s.writeOrig, s.copyDebian, s.writeControl, s.writeChangelog, s.markRules} {
		if err := step(); err != nil {
			return fmt.Errorf("stage %s: %w", req.Target.Name, err)
		}
	}
	return nil
}

// stage is one source on its way into a build's folder.
type stage struct {
	req     packagebuild.Request
	control control
	dir     string // the build's folder
	tree    string // the unpacked source in it
}

func (s stage) copyTree() error {
	from, err := inside(s.req.Source, ".")
	if err != nil {
		return err
	}
	return packagebuild.CopyTree(from, s.tree, s.req.Source.Time, func(rel string) bool {
		return rel == "debian" || packagebuild.SkipPackaging(rel)
	})
}

// copyExtra puts the extra source into a folder of the tree that has its name,
// where debian/rules looks for it.
func (s stage) copyExtra() error {
	extra := s.req.Source.Extra
	if extra == nil {
		return nil
	}
	name := extra.Name()
	if !filepath.IsLocal(name) || name == "." || name == "debian" || name == "packaging" {
		return fmt.Errorf("extra source %s: it cannot lie in a folder named %q", extra.Dir, name)
	}
	from, err := inside(*extra, ".")
	if err != nil {
		return err
	}
	return packagebuild.CopyTree(from, filepath.Join(s.tree, name), s.req.Source.Time, packagebuild.SkipPackaging)
}

func (s stage) writeOrig() (err error) {
	name := fmt.Sprintf("%s_%s.orig.tar.gz", s.control.source.Get("Source"), s.req.Version)
	out, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return packagebuild.WriteTarball(out, s.tree, s.control.folder(s.req), s.req.Source.Time, nil)
}

// copyDebian leaves out what writeControl and writeChangelog make.
func (s stage) copyDebian() error {
	from, err := inside(s.req.Source, debianFolder)
	if err != nil {
		return err
	}
	return packagebuild.CopyTree(from, s.debian(), s.req.Source.Time, func(rel string) bool {
		return rel == "control" || rel == "changelog" || packagebuild.SkipVCS(rel)
	})
}

func (s stage) debian(name ...string) string {
	return filepath.Join(append([]string{s.tree, "debian"}, name...)...)
}

func (s stage) writeControl() error {
	text, err := s.control.stamped(commitURL(s.req.Source))
	if err != nil {
		return err
	}
	return s.write("control", text)
}

func (s stage) writeChangelog() error { return s.write("changelog", changelog(s.req, s.control)) }

func (s stage) write(name string, text []byte) error {
	if err := os.WriteFile(s.debian(name), text, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(s.debian(name), 0o644); err != nil {
		return err
	}
	return os.Chtimes(s.debian(name), s.req.Source.Time, s.req.Source.Time)
}

// markRules makes debian/rules executable, which a checkout on another system may have lost.
func (s stage) markRules() error {
	info, err := os.Lstat(s.debian("rules"))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s/rules is no regular file", debianFolder)
	}
	return os.Chmod(s.debian("rules"), 0o755)
}

// changelog has the one entry of this build: its version counts, whatever the repository's says.
func changelog(req packagebuild.Request, c control) []byte {
	source := c.source.Get("Source")
	return fmt.Appendf(nil, "%s (%s) stable; urgency=medium\n\n  * Debian packaging for %s.\n\n -- %s  %s\n",
		source, fullVersion(req), source, c.source.Get("Maintainer"), req.Source.Time.UTC().Format(time.RFC1123Z))
}

// commitURL is what the Git field holds: it ends in the commit's hash.
func commitURL(src packagebuild.Source) string {
	if src.CommitURL == "" {
		return src.Commit
	}
	return src.CommitURL
}

// inside resolves a folder of the source's tree, which must lie in the repository.
func inside(src packagebuild.Source, rel string) (string, error) {
	top, err := filepath.EvalSymlinks(src.Dir)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(filepath.Join(src.Tree(), filepath.FromSlash(rel)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", packagebuild.NoPackaging(src, rel)
	}
	if err != nil {
		return "", err
	}
	if resolved != top && !strings.HasPrefix(resolved, top+string(filepath.Separator)) {
		return "", fmt.Errorf("%s leads out of the repository, to %s", filepath.Join(src.Tree(), rel), resolved)
	}
	return resolved, nil
}
